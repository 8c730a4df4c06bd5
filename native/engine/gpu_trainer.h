// A trainer on a GPU as its session has it: made at its first use, in the session's own thread, and with a way out where memory
// runs out.
#pragma once
#include <functional>
#include <memory>

#include "plan.h"

namespace fusor {

using MakeTrainer = std::function<std::unique_ptr<Trainer>()>;

// fits: whether so many bytes could be had now.
std::unique_ptr<Trainer> makeGpuTrainer(const Plan& plan, MakeTrainer make, std::function<bool(size_t bytes)> fits);

// What training with a batch of `rows` holds at once, roughly, besides weights and data: a layer's values, its gradient and one
// more for work, in float32.
size_t batchBytes(const Plan& plan, int64_t rows);

}  // namespace fusor
