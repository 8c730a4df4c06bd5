// The framework's way to train: one ATen or oneDNN call an operation, as PyTorch's own users run it. It is what the
// fused trainer is measured against, and what runs when somebody asks for --kernels framework.
#pragma once
#include <memory>

#include "plan.h"

namespace fusor {

// threads: of libtorch's own pool.
std::unique_ptr<Trainer> makeFrameworkTrainer(const Plan& plan, const State& state, int threads);

}  // namespace fusor
