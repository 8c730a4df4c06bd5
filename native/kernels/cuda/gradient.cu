// The gradient before a Dense layer, a tile a block. Defines: TILE (the arguments of TileShape).
#include "gradient.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;

KERNEL(gradient, GradientParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  gradientTile<Shape>(p, step, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y), shared, [] {});
}
