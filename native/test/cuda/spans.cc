#include <cmath>

#include "failure.h"
#include "trainings.h"

namespace fusor::test {

// What a span may come to besides its end.
void checkSpans(Report& report, CudaSteps steps) {
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
    // Memory for a batch that cannot be had: the session goes on.
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
      verdict.expect(failure.code() == "ERR_OUT_OF_MEMORY" && text.ends_with(kSmallerBatch), text);
    }
    trainer.run(job.data, longSpan(3), control, all);
    verdict.expect(all.stepsDone == 3 && std::isfinite(all.losses[2]), "the session did not go on");
    report.add("a batch too large for the memory", verdict);
  }
  if (!clustered) {
    // What does not fit is said as it is: no smaller batch would.
    Judge verdict;
    const auto refused = [&](const Dataset& data, const Span& span) {
      EmulatedOptions options;
      options.folder = folder;
      options.memory = 1'000'000;
      CudaTrainer trainer(job.plan, job.state, std::make_unique<EmulatedDevice>(options), CudaOptions{steps});
      Control control;
      fusor::Report none;
      try {
        trainer.run(data, span, control, none);
      } catch (const Failure& failure) {
        return failure.code() + " " + failure.what();
      }
      return std::string("nothing");
    };
    Dataset large = job.data;
    large.rows = 2'000'000 / job.plan.features;
    large.bytes = std::vector<uint8_t>(large.rows * job.plan.features);
    large.labels.resize(large.rows);
    const std::string data = refused(large, longSpan(3));
    verdict.expect(data.starts_with("ERR_OUT_OF_MEMORY") && data.ends_with(kLessData), data);
    Span whole = longSpan(1);
    whole.order.resize(65535 * 128 + 1);
    whole.batchSize = static_cast<int>(whole.order.size()), whole.learningRates.resize(1);
    const std::string batch = refused(job.data, whole);
    verdict.expect(batch.starts_with("ERR_UNSUPPORTED") && batch.find("use at most 8388480") != std::string::npos, batch);
    report.add("data and batches beyond a GPU", verdict);
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

}  // namespace fusor::test
