#include "trainer_for.h"

#include "failure.h"
#include "framework_trainer.h"
#include "fused_trainer.h"
#include "gpu_trainer.h"
#include "torch_place.h"

namespace fusor {
namespace {

// The fused way never holds a whole gradient, so it cannot know its norm before it updates.
bool wantsFramework(const Plan& plan, const Way& way) { return way.kernels == "framework" || plan.optimizer.clipNorm > 0; }

std::unique_ptr<Trainer> onGpu(const Plan& plan, const State& state, const Way& way) {
  if (way.kernels == "fused") {
    throw Failure("ERR_BACKEND_UNAVAILABLE", "there are no fused kernels for a GPU in this release · native backend · use --kernels framework");
  }
  const auto torch = std::make_shared<std::shared_ptr<TorchPlace>>();
  const auto make = [plan, state, way, torch] {
    if (!*torch) *torch = std::make_shared<TorchPlace>(way.gpu);
    return makeFrameworkTrainer(plan, state, 1, *torch, way.precision);
  };
  return makeGpuTrainer(plan, make, [torch](size_t bytes) { return *torch && (*torch)->fits(bytes); });
}

std::unique_ptr<Trainer> onCpu(const Plan& plan, const State& state, const Way& way) {
  const int team = way.threads > 0 ? way.threads : availableCores();
  if (wantsFramework(plan, way)) return makeFrameworkTrainer(plan, state, team);
  const Kernels* table = kernelsByName(way.isa.c_str());
  if (!table) throw Failure("ERR_BACKEND_UNAVAILABLE", "no " + way.isa + " kernels on this processor · FUSOR_CPU_ISA · leave it out");
  return std::make_unique<FusedTrainer>(plan, state, *table, team);
}

}  // namespace

std::unique_ptr<Trainer> trainerFor(const Plan& plan, const State& state, const Way& way) {
  return way.gpu == Way::kCpu ? onCpu(plan, state, way) : onGpu(plan, state, way);
}

}  // namespace fusor
