// The last Dense layer where it is narrow, with the loss and the gradients before it, a row a block and time.
// Defines: INPUT; PLAIN (0, 1: see head.h).
#include "head.h"

using namespace fusor::cuda;

namespace {
constexpr int kThreads = 128;
}

KERNEL(head, HeadParams, kThreads) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  for (int row = static_cast<int>(blockIdx.x); row < step.rows; row += static_cast<int>(gridDim.x)) {
    headRow<INPUT, PLAIN, kThreads>(p, step, row, shared, [] {});
  }
}
