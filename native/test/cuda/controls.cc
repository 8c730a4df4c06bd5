#include "reference_trainer.h"
#include "trainings.h"

namespace fusor::test {

// What has to be found. A fault that passes is a failure of the tests.
void runControls(Report& report) {
  report.group("cuda", "planted faults are found", "");
  struct Planted {
    Fault fault;
    const char* job = "flagship, small";
  };
  const char* const all = "all that holds weights, wide";
  const Planted planted[] = {
      {{"missing 1/n", "loss.h", "target_.weight / static_cast<float>(step_.rows)", "target_.weight"}},
      {{"stale tail", "update.h", "using S = WithOnes<Source<KIND>>;",
        "using S = WithOnes<Source<KIND>>; if (KIND == kValues) const_cast<Step&>(step).rows = step.control->batch;"}},
      {{"mask from the wrong side", "activation.h", "y > 0.0f ? 1.0f : 0.0f", "y < 0.0f ? 1.0f : 0.0f"}},
      {{"sign flip", "optimizer.h", "fmaf(-rate, quotient(", "fmaf(rate, quotient("}},
      {{"bias left out of the gradient", "update.h", "if (ones == column) v.x = 1;", ""}},
      {{"last element of the inner dimension lost", "tile.h", "least(Shape::CHUNK, depth - k0)", "least(Shape::CHUNK, depth - k0 - 1)"}},
      {{"groups' sums left out", "tile.h", "g < Shape::ACROSS", "g < Shape::ACROSS - 1"}},
      {{"dropout of another step", "philox.h", "static_cast<unsigned>(step.number >> 32)", "0u"}, "dropout"},
      {{"half the slope of a penalty", "hold.cu", "2 * l2 * w", "l2 * w"}, "penalties"},
      {{"a kernel's penalty on its bias", "hold.cu", "isBias ? held_.biasL2 : held_.l2", "held_.l2"}, "penalties"},
      {{"a penalty that is not in the loss", "sums.h", "which < 0 ? penalty : 0", "0"}, "penalties"},
      {{"a sum that goes on after its update", "hold.cu", "together_ > 0 ? 0 : each", "each"}, all},
      {{"a sum that is not made a mean", "hold.cu", "each /= together_", ""}, "sums of three steps, optimiser 1"},
      {{"an update in every step", "whole.cu", "together[step.index] == 0) return;", "together[step.index] < 0) return;"}, all},
      {{"gradients that are not clipped", "whole.cu", "g[j] * factor", "g[j]"}, all},
      {{"a norm without some of its rows", "whole.cu", "g < kGroups", "g < kGroups - 1"}, all},
      {{"a bias without its limit", "whole.cu", "bias[n] *= factor", ""}, all},
  };
  for (const auto& [fault, name] : planted) {
    const Job job = jobNamed(name);
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

}  // namespace fusor::test
