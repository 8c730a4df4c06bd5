#include "trainer_for.h"

#include "failure.h"
#include "framework_trainer.h"
#include "fused_trainer.h"

namespace fusor {

std::unique_ptr<Trainer> trainerFor(const Plan& plan, const State& state, const std::string& kernels, const std::string& isa,
                                    int threads) {
  const int team = threads > 0 ? threads : availableCores();
  // The fused way never holds a whole gradient, so it cannot know its norm before it updates.
  if (kernels == "framework" || plan.optimizer.clipNorm > 0) return makeFrameworkTrainer(plan, state, team);
  const Kernels* table = kernelsByName(isa.c_str());
  if (!table) throw Failure("ERR_BACKEND_UNAVAILABLE", "no " + isa + " kernels on this processor · FUSOR_CPU_ISA · leave it out");
  return std::make_unique<FusedTrainer>(plan, state, *table, team);
}

}  // namespace fusor
