// The gradients of all weights, and the optimiser; one launch for all layers. Defines: INPUT (of the first layer), OPTIMIZER, TILE (the
// arguments of TileShape).
#include "update.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;

KERNEL(update, UpdateParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  const int block = static_cast<int>(blockIdx.x);
  updateBlock<INPUT, Shape>(p, step, const_cast<Control*>(p.call.control), block, static_cast<int>(gridDim.x) - 1, shared, [] {},
                            [&](int which) { return Optimised<OptimizerKind::OPTIMIZER, Shape>(p, which, step, block); });
}
