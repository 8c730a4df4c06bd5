// The fused CUDA trainer without a GPU: its kernels' own source on the CPU, against the contract in float64.
//   fusor_cuda_test FOLDER [PART]      FOLDER keeps compiled kernels; PART: table, tiles, spans, cluster, grid, orders, stamps or controls
// One line a group, then the counts. Exit status 1 where a case failed.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "engine/cuda_trainer.h"
#include "emulated_device.h"
#include "engine/failure.h"
#include "jobs.h"
#include "reference_trainer.h"
#include "stamps.h"
#include "test/judge.h"

namespace fusor::test {
namespace {

std::string folder;

struct Result {
  fusor::Report report;
  State state;
  fusor::Sums sums;
  std::vector<float> predictions;
};

Dataset inputsOf(const Dataset& data) {
  Dataset inputs;
  inputs.rows = data.rows, inputs.bytes = data.bytes, inputs.floats = data.floats;
  return inputs;
}

// Two spans, an evaluation of some rows, predictions.
Result train(Trainer& trainer, const Job& job) {
  Result result;
  Control control;
  Span second = job.span;
  second.firstStep += static_cast<int64_t>(job.span.learningRates.size());
  trainer.run(job.data, job.span, control, result.report);
  fusor::Report more;
  trainer.run(job.data, second, control, more);
  result.report.losses.insert(result.report.losses.end(), more.losses.begin(), more.losses.end());
  for (size_t m = 0; m < more.metrics.size(); ++m) {
    result.report.metrics[m].insert(result.report.metrics[m].end(), more.metrics[m].begin(), more.metrics[m].end());
  }
  result.report.stepsDone += more.stepsDone;
  result.state = trainer.read();
  result.sums.metrics.resize(job.plan.metrics.size());
  trainer.evaluate(job.data, 1, job.data.rows - 1, 7, control, result.sums);
  result.predictions.resize(static_cast<size_t>(job.data.rows) * job.plan.outputs);
  trainer.predict(inputsOf(job.data), result.predictions.data());
  return result;
}

Result onDevice(const Job& job, EmulatedOptions options, int leaveOut = -1, const CudaOptions& how = {CudaSteps::Graph}) {
  options.folder = folder;
  auto device = std::make_unique<EmulatedDevice>(options);
  device->grid.leaveOut = leaveOut;
  CudaTrainer trainer(job.plan, job.state, std::move(device), how);
  return train(trainer, job);
}

double distance(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& wanted) {
  double difference = 0, whole = 0;
  for (size_t p = 0; p < wanted.size(); ++p) {
    for (size_t i = 0; i < wanted[p].size(); ++i) {
      difference += std::pow(static_cast<double>(got[p][i]) - wanted[p][i], 2);
      whole += std::pow(static_cast<double>(wanted[p][i]), 2);
    }
  }
  return whole == 0 ? difference : std::sqrt(difference / whole);
}

// Relative distances that float32 keeps, and no fault of a kernel: 1e-6 a step is the contract's promise across backends.
constexpr double kWeights = 1e-6, kLosses = 1e-6, kPredictions = 2e-6;

Judge judge(const Result& got, const Result& wanted) {
  Judge judge;
  const auto near = [&](const char* what, double distance, double allowed) {
    judge.near(what, 0, 0, static_cast<float>(distance), 0, 1, allowed);
  };
  judge.expect(got.report.stepsDone == wanted.report.stepsDone, "other steps done");
  near("weights", distance(got.state.weights, wanted.state.weights), kWeights);
  for (size_t s = 0; s < wanted.state.slots.size(); ++s) near("slots", distance(got.state.slots[s], wanted.state.slots[s]), 4 * kWeights);
  near("losses", distance({got.report.losses}, {wanted.report.losses}), kLosses);
  near("metrics", distance(got.report.metrics, wanted.report.metrics), kLosses);
  near("predictions", distance({got.predictions}, {wanted.predictions}), kPredictions);
  near("evaluated loss", std::fabs(got.sums.loss - wanted.sums.loss) / std::max(1e-6, std::fabs(wanted.sums.loss)), kLosses);
  for (size_t m = 0; m < wanted.sums.metrics.size(); ++m) {
    near("evaluated metrics", std::fabs(got.sums.metrics[m] - wanted.sums.metrics[m]) / std::max(1.0, wanted.sums.metrics[m]), 1e-5);
  }
  judge.expect(got.state.step == wanted.state.step, "other step");
  return judge;
}

bool sameBits(const Result& a, const Result& b) {
  return a.state.weights == b.state.weights && a.state.slots == b.state.slots && a.report.losses == b.report.losses &&
         a.report.metrics == b.report.metrics && a.predictions == b.predictions && a.sums.loss == b.sums.loss;
}

void checkTable(test::Report& report) {
  report.group("cuda", "training against float64", "distance");
  for (const JobOptions& options : jobTable()) {
    const Job job = makeJob(options);
    ReferenceTrainer reference(job.plan, job.state);
    Judge verdict = judge(onDevice(job, {}), train(reference, job));
    report.add(options.name, verdict);
  }
}

// What the kernels do not do they say, so that libtorch's operations do it.
void checkRefusals(test::Report& report) {
  report.group("cuda", "plans that are left to libtorch", "");
  const auto refuses = [&](const char* name, const char* reason, auto change) {
    Plan plan = makeJob(jobTable()[0]).plan;
    Judge verdict;
    verdict.expect(!cudaUnsupported(plan), "refused as it is");
    change(plan);
    const char* found = cudaUnsupported(plan);
    verdict.expect(found && std::strstr(found, reason), "not refused");
    report.add(name, verdict);
  };
  const auto dense = [](Plan& plan) -> Layer& {
    for (Layer& layer : plan.layers) {
      if (layer.kind == LayerKind::Dense) return layer;
    }
    return plan.layers[0];
  };
  refuses("l1 of a kernel", "regularizer", [&](Plan& plan) { dense(plan).kernel.l1 = 0.1; });
  refuses("l2 of a bias", "regularizer", [&](Plan& plan) { dense(plan).bias.l2 = 0.1; });
  refuses("max-norm", "constraint", [&](Plan& plan) { dense(plan).kernel.maxNorm = 1; });
  refuses("accumulation", "accumulation", [&](Plan& plan) { plan.optimizer.accumulate = 2; });
}

// The turns of threads and blocks are nobody's business: other turns, same bits. A missing barrier shows here.
void checkOrders(test::Report& report) {
  report.group("cuda", "same bits in any order of threads", "");
  int number = 0;
  for (JobOptions options : jobTable()) {
    if (number++ % 3 != 0 && options.layers.size() < 5) continue;  // most differ in size alone
    options.steps = 2;
    const Job job = makeJob(options);
    EmulatedOptions descending, shuffled;
    descending.order = Order::Descending, shuffled.order = Order::Shuffled;
    const Result ascending = onDevice(job, {});
    Judge verdict;
    verdict.expect(sameBits(onDevice(job, descending), ascending), "other bits from last to first");
    verdict.expect(sameBits(onDevice(job, shuffled), ascending), "other bits in shuffled turns");
    report.add(options.name, verdict);
  }
}

// Where a GPU has more multiprocessors, smaller tiles are chosen: another order of sums, the same training.
void checkTiles(test::Report& report) {
  report.group("cuda", "other tiles", "distance");
  for (const int multiprocessors : {1, 2, 16, 132}) {
    for (const char* name : {"wide outputs", "large tiles", "flagship, small"}) {
      for (const JobOptions& options : jobTable()) {
        if (options.name != name) continue;
        const Job job = makeJob(options);
        EmulatedOptions device;
        device.multiprocessors = multiprocessors;
        ReferenceTrainer reference(job.plan, job.state);
        report.add(options.name + " on " + std::to_string(multiprocessors), judge(onDevice(job, device), train(reference, job)));
      }
    }
  }
}

Job jobNamed(const std::string& name) {
  for (const JobOptions& options : jobTable()) {
    if (options.name == name) return makeJob(options);
  }
  throw std::runtime_error("no job " + name);
}

// A job with a loss that is not finite in its third step.
Job brokenJob(Job job) {
  Span& span = job.span;
  const uint32_t bad = span.order[2 * span.batchSize + 1];
  job.data.floats[static_cast<size_t>(bad) * job.plan.features] = INFINITY;
  for (size_t i = 0; i < 2u * span.batchSize; ++i) {
    if (span.order[i] == bad) span.order[i] = span.order[(i + 1) % span.batchSize];
  }
  return job;
}

// What a span may come to besides its end.
void checkSpans(test::Report& report, CudaSteps steps) {
  const bool clustered = steps == CudaSteps::Auto;
  report.group("cuda", clustered ? "spans in a cluster" : steps == CudaSteps::Grid ? "spans in a grid" : "spans", "");
  const Job job = jobNamed("flagship, small");
  const auto make = [&] {
    EmulatedOptions options;
    options.folder = folder;
    return CudaTrainer(job.plan, job.state, std::make_unique<EmulatedDevice>(options), CudaOptions{steps});
  };
  const auto longSpan = [&](int steps) {
    Span span = job.span;
    span.order.resize(static_cast<size_t>(steps) * span.batchSize);
    for (size_t i = 0; i < span.order.size(); ++i) span.order[i] = static_cast<uint32_t>(i * 11 % job.data.rows);
    span.learningRates.assign(steps, 1e-3f);
    return span;
  };
  {
    // Graphs of many steps, the last one not full; one step at a time; the same bits.
    Judge verdict;
    CudaTrainer whole = make(), pieces = make();
    Control control;
    fusor::Report all;
    const int count = clustered ? 21 : 149;
    const Span span = longSpan(count);
    whole.run(job.data, span, control, all);
    std::vector<float> losses;
    for (int s = 0; s < count; ++s) {
      Span one = span;
      one.order.assign(span.order.begin() + s * span.batchSize, span.order.begin() + (s + 1) * span.batchSize);
      one.learningRates = {span.learningRates[s]};
      one.firstStep += s;
      fusor::Report report;
      pieces.run(job.data, one, control, report);
      losses.insert(losses.end(), report.losses.begin(), report.losses.end());
    }
    verdict.expect(all.stepsDone == count && !all.aborted, "not all steps done");
    verdict.expect(all.losses == losses, "other losses step by step");
    verdict.expect(whole.read().weights == pieces.read().weights, "other weights step by step");
    report.add("a span in pieces", verdict);
  }
  if (!clustered) {  // one launch does more steps than are worth emulating
    Judge verdict;
    CudaTrainer trainer = make();
    Control control;
    fusor::Report all;
    int64_t heard = 0;
    control.wantsProgress = [] { return true; };
    control.progress = [&](int64_t done, double loss, const std::vector<double>& metrics) {
      verdict.expect(done > heard && loss > 0 && metrics.size() == 1 && metrics[0] <= 1, "odd progress");
      heard = done;
      if (done >= 100) control.abort.store(true);
    };
    trainer.run(job.data, longSpan(5000), control, all);
    verdict.expect(all.aborted && all.stepsDone == heard && heard >= 100 && heard < 5000, "not aborted where it was asked to be");
    verdict.expect(all.losses.size() == static_cast<size_t>(all.stepsDone) && trainer.read().step == job.state.step + heard, "odd report");
    report.add("progress and abort", verdict);
  }
  if (!clustered) {
    // Memory for a batch that cannot be had: said with one that fits, and the session goes on.
    Judge verdict;
    EmulatedOptions options;
    options.folder = folder;
    options.memory = 60'000;
    CudaTrainer trainer(job.plan, job.state, std::make_unique<EmulatedDevice>(options), CudaOptions{steps});
    Control control;
    fusor::Report none, all;
    Span large = longSpan(40);
    large.batchSize = 400, large.learningRates.resize(2);
    try {
      trainer.run(job.data, large, control, none);
      verdict.expect(false, "memory was had");
    } catch (const Failure& failure) {
      const std::string text = failure.what();
      verdict.expect(failure.code() == "ERR_OUT_OF_MEMORY" && text.find("batch size of") != std::string::npos, text);
    }
    trainer.run(job.data, longSpan(3), control, all);
    verdict.expect(all.stepsDone == 3 && std::isfinite(all.losses[2]), "the session did not go on");
    report.add("a batch too large for the memory", verdict);
  }
  {
    // A loss that is not finite: its step is the last, and is done.
    Judge verdict;
    const Job broken = brokenJob(clustered ? makeJob(clusterTable()[3]) : jobNamed("one layer, floats"));
    EmulatedOptions options;
    options.folder = folder;
    CudaTrainer trainer(broken.plan, broken.state, std::make_unique<EmulatedDevice>(options), CudaOptions{steps});
    Control control;
    fusor::Report all;
    trainer.run(broken.data, broken.span, control, all);
    verdict.expect(all.aborted && all.stepsDone == 3 && all.losses.size() == 3, format("%ld steps done", static_cast<long>(all.stepsDone)));
    verdict.expect(std::isfinite(all.losses[1]) && !std::isfinite(all.losses.back()), "the last loss is finite");
    report.add("a loss that is not finite", verdict);
  }
}

// Nets that fit a cluster: against float64 and in any order of threads, its products made in each way.
void checkClusters(test::Report& report) {
  for (const CudaProducts products : {CudaProducts::Fp32, CudaProducts::Tf32}) {
    const bool exact = products == CudaProducts::Fp32;
    report.group("cuda", exact ? "cluster, fp32" : "cluster, tf32", "distance");
    for (const JobOptions& options : clusterTable()) {
      const Job job = makeJob(options);
      CudaOptions how;
      how.products = products;
      EmulatedOptions descending, shuffled;
      descending.order = Order::Descending, shuffled.order = Order::Shuffled;
      ReferenceTrainer reference(job.plan, job.state);
      const Result got = onDevice(job, {}, -1, how), wanted = train(reference, job);
      // Rounded to tf32 it must differ from float32, but not by much.
      Judge verdict = judge(got, wanted);
      if (!exact) {
        const double apart = distance(got.state.weights, wanted.state.weights);
        const bool failed = !verdict.passed();
        verdict = {};
        verdict.expect(failed || job.plan.features == 1, "as exact as float32");
        verdict.expect(apart < 1e-4, format("weights off by %.3g", apart));
      }
      verdict.expect(sameBits(onDevice(job, descending, -1, how), got), "other bits from last to first");
      EmulatedOptions smaller;
      smaller.mostInCluster = 8;
      if (exact) verdict.expect(judge(onDevice(job, smaller, -1, how), wanted).passed(), "wrong in a cluster of 8");
      if (exact) verdict.expect(sameBits(onDevice(job, shuffled, -1, how), got), "other bits in shuffled turns");
      report.add(options.name, verdict);
    }
  }
}

// Many steps in one launch: the bits of a launch for each phase, in any order of threads, on any number of blocks.
void checkGrids(test::Report& report) {
  report.group("cuda", "in a grid, the bits of graphs", "");
  int grids = 0, number = 0;
  for (const JobOptions& options : jobTable()) {
    const Job job = makeJob(options);
    const auto inGrid = [&](EmulatedOptions device) {
      device.folder = folder;
      CudaTrainer trainer(job.plan, job.state, std::make_unique<EmulatedDevice>(device), {CudaSteps::Grid});
      Result result = train(trainer, job);
      return std::pair{std::move(result), trainer.describe().kernels == "fused, grid"};
    };
    const Result graphs = onDevice(job, {});
    const auto [got, grid] = inGrid({});
    Judge verdict;
    verdict.expect(sameBits(got, graphs), "other bits than in graphs");
    grids += grid;
    if (grid && number++ % 4 == 0) {
      EmulatedOptions descending, shuffled, few;
      descending.order = Order::Descending, shuffled.order = Order::Shuffled;
      few.mostAtOnce = 1, few.order = Order::Shuffled;
      verdict.expect(sameBits(inGrid(descending).first, graphs), "other bits from last to first");
      verdict.expect(sameBits(inGrid(shuffled).first, graphs), "other bits in shuffled turns");
      verdict.expect(sameBits(inGrid(few).first, graphs), "other bits by one block");
    }
    report.add(options.name + (grid ? "" : ", in graphs"), verdict);
  }
  Judge enough;
  enough.expect(grids > 60, format("%d of %zu in a grid", grids, jobTable().size()));
  report.add("most nets of the table have a grid", enough);

  report.group("cuda", "a grid or graphs", "");
  Job longer = jobNamed("flagship, small");
  for (int s = static_cast<int>(longer.span.learningRates.size()); s < 150; ++s) longer.span.learningRates.push_back(1e-3f);
  longer.span.order.resize(150u * longer.span.batchSize);
  for (size_t i = 0; i < longer.span.order.size(); ++i) longer.span.order[i] = static_cast<uint32_t>(i * 11 % longer.data.rows);
  const Result graphs = onDevice(longer, {});
  for (const char* what : {"whichever is chosen", "a launch that is refused", "a GPU without"}) {
    EmulatedOptions options;
    options.folder = folder;
    options.major = 8;  // no cluster
    const bool refused = what[2] == 'l', without = what[2] == 'G';
    options.refuseAtOnce = refused;
    if (without) options.mostAtOnce = 0;
    CudaTrainer trainer(longer.plan, longer.state, std::make_unique<EmulatedDevice>(options), {});
    Judge verdict;
    verdict.expect(sameBits(train(trainer, longer), graphs), "other bits");
    const std::string kernels = trainer.describe().kernels;
    verdict.expect(kernels == "fused" || (kernels == "fused, grid" && !refused && !without), kernels);
    report.add(what, verdict);
  }
}

// What has to be found. A fault that passes is a failure of the tests.
void runControls(test::Report& report) {
  report.group("cuda", "planted faults are found", "");
  const Fault faults[] = {
      {"missing 1/n", "loss.h", "target_.weight / static_cast<float>(step_.rows)", "target_.weight"},
      {"stale tail", "update.h", "using S = WithOnes<Source<KIND>>;",
       "using S = WithOnes<Source<KIND>>; if (KIND == kValues) const_cast<Step&>(step).rows = step.control->batch;"},
      {"mask from the wrong side", "activation.h", "y > 0.0f ? 1.0f : 0.0f", "y < 0.0f ? 1.0f : 0.0f"},
      {"sign flip", "optimizer.h", "fmaf(-rate, quotient(", "fmaf(rate, quotient("},
      {"bias left out of the gradient", "update.h", "if (ones == column) v.x = 1;", ""},
      {"last element of the inner dimension lost", "tile.h", "least(Shape::CHUNK, depth - k0)", "least(Shape::CHUNK, depth - k0 - 1)"},
      {"groups' sums left out", "tile.h", "g < Shape::ACROSS", "g < Shape::ACROSS - 1"},
      {"dropout of another step", "philox.h", "static_cast<unsigned>(step.number >> 32)", "0u"},
  };
  for (const Fault& fault : faults) {
    const Job job = jobNamed(fault.name[0] == 'd' ? "dropout" : "flagship, small");
    ReferenceTrainer reference(job.plan, job.state);
    EmulatedOptions options;
    options.fault = fault;
    Judge verdict;
    verdict.expect(!judge(onDevice(job, options), train(reference, job)).passed(), "not found");
    report.add(fault.name, verdict);
  }
  // Of a grid.
  const auto inGrid = [&](const char* name, const char* from, const Job& job) {
    EmulatedOptions options;
    options.fault = {name, "grid.cu", from, ""};
    Judge verdict;
    verdict.expect(!sameBits(onDevice(job, options, -1, {CudaSteps::Grid}), onDevice(job, {})), "not found");
    report.add(name, verdict);
  };
  inGrid("phases that do not wait", "if (waits_) barrier_.wait();", jobNamed("flagship, small"));
  inGrid("a step after a loss that is not finite", "if (now >= end) break;", brokenJob(jobNamed("one layer, floats")));
  // One barrier of every thread left out, whichever it is: some order of threads shows it.
  const Job job = jobNamed("wide outputs");
  const Result right = onDevice(job, {});
  for (int barrier = 0; barrier < 4; ++barrier) {
    Judge verdict;
    bool found = false;
    for (const Order order : {Order::Ascending, Order::Descending, Order::Shuffled}) {
      EmulatedOptions options;
      options.order = order;
      found = found || !sameBits(onDevice(job, options, barrier), right);
    }
    verdict.expect(found, "not found");
    report.add("barrier " + std::to_string(barrier) + " left out", verdict);
  }
}

}  // namespace
}  // namespace fusor::test

int main(int count, char** arguments) {
  using namespace fusor::test;
  if (count < 2) {
    std::fprintf(stderr, "usage: fusor_cuda_test FOLDER [table|tiles|spans|cluster|grid|orders|stamps|controls]\n");
    return 2;
  }
  folder = arguments[1];
  fusor::test::Report report;
  const auto wanted = [&](const char* part) { return count < 3 || !std::strcmp(arguments[2], part); };
  if (wanted("table")) {
    checkTable(report);
    checkRefusals(report);
  }
  if (wanted("tiles")) checkTiles(report);
  if (wanted("spans")) checkSpans(report, fusor::CudaSteps::Graph);
  if (wanted("cluster")) {
    checkClusters(report);
    checkSpans(report, fusor::CudaSteps::Auto);
  }
  if (wanted("grid")) {
    checkGrids(report);
    checkSpans(report, fusor::CudaSteps::Grid);
  }
  if (wanted("orders")) checkOrders(report);
  if (wanted("stamps")) checkStamps(report, folder);
  if (wanted("controls")) runControls(report);
  return report.finish();
}
