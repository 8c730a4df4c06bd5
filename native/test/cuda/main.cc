// The fused CUDA trainer without a GPU: its kernels' own source on the CPU, against the contract in float64.
//   fusor_cuda_test FOLDER [PART]      FOLDER keeps compiled kernels; PART: table, tiles, spans, cluster, grid, orders, stamps or controls
// One line a group, then the counts. Exit status 1 where a case failed.
#include <cstdio>
#include <cstring>

#include "reference_trainer.h"
#include "stamps.h"
#include "trainings.h"

namespace fusor::test {
namespace {

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
    verdict.expect(cudaUnsupported(plan).empty(), "refused as it is");
    change(plan);
    verdict.expect(cudaUnsupported(plan).find(reason) != std::string::npos, "not refused");
    report.add(name, verdict);
  };
  refuses("metrics", "more than 12", [](Plan& plan) { plan.metrics.resize(13, {MetricKind::CategoricalAccuracy}); });
}

// The turns of threads and blocks are nobody's business: other turns, same bits. A missing barrier shows here.
void checkOrders(test::Report& report) {
  report.group("cuda", "same bits in any order of threads", "");
  int number = 0;
  for (JobOptions options : jobTable()) {
    if (number++ % 3 != 0 && options.layers.size() < 5 && options.accumulate == 1) continue;  // most differ in size alone
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
