// The dispatch table: which trainer runs a plan.
#pragma once
#include <memory>
#include <string>

#include "plan.h"

namespace fusor {

// kernels: "auto", "fused" or "framework". isa: "auto" or the name of a table in kernels.h; threads: 0 = one a core.
// Throws Failure where that cannot be had here.
std::unique_ptr<Trainer> trainerFor(const Plan& plan, const State& state, const std::string& kernels, const std::string& isa,
                                    int threads);

}  // namespace fusor
