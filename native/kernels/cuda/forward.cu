// A Dense layer forward, a tile a block. Defines: INPUT (see input.h), TILE (the arguments of TileShape), PLAIN (0, 1: see chain.h).
#include "forward.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;

KERNEL(forward, ForwardParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  forwardTile<INPUT, Shape, PLAIN>(p, step, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y), shared, [] {});
}
