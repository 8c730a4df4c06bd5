#include "trainings.h"

#include <cmath>

namespace fusor::test {

std::string folder;

static Dataset inputsOf(const Dataset& data) {
  Dataset inputs;
  inputs.rows = data.rows, inputs.bytes = data.bytes, inputs.floats = data.floats;
  return inputs;
}

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

Result onDevice(const Job& job, EmulatedOptions options, int leaveOut, const CudaOptions& how) {
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
static constexpr double kWeights = 1e-6, kLosses = 1e-6, kPredictions = 2e-6;

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

Job jobNamed(const std::string& name) {
  for (const JobOptions& options : jobTable()) {
    if (options.name == name) return makeJob(options);
  }
  throw std::runtime_error("no job " + name);
}

Job brokenJob(Job job) {
  Span& span = job.span;
  const uint32_t bad = span.order[2 * span.batchSize + 1];
  job.data.floats[static_cast<size_t>(bad) * job.plan.features] = INFINITY;
  for (size_t i = 0; i < 2u * span.batchSize; ++i) {
    if (span.order[i] == bad) span.order[i] = span.order[(i + 1) % span.batchSize];
  }
  return job;
}

}  // namespace fusor::test
