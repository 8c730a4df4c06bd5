// The framework's way to train: one ATen or oneDNN call an operation, as PyTorch's own users run it. It is what the
// fused trainer is measured against, and what runs when somebody asks for --kernels framework.
#pragma once
#include <memory>

#include "../plan.h"
#include "../trainer_for.h"

namespace fusor {

class TorchPlace;

// threads: of libtorch's own pool. torch: the GPU, or null for the CPU; everything then is in its memory, and the host looks
// at results now and then only (ahead.h).
std::unique_ptr<Trainer> makeFrameworkTrainer(const Plan& plan, const State& state, int threads,
                                              std::shared_ptr<TorchPlace> torch = nullptr, Precision precision = Precision::Fp32);

}  // namespace fusor
