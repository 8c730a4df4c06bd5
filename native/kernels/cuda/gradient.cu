// The gradient before a Dense layer: dx = chain'(dz Wᵀ), through the chain of the stage before.
// Defines: TILE (the arguments of TileShape).
#include "chain.h"
#include "tile.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;
using A = Side<Source<kValues>, Shape, Shape::M, true>;
using B = Side<Source<kValues>, Shape, Shape::N, true>;

KERNEL(gradient, GradientParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  const int row0 = static_cast<int>(blockIdx.y) * Shape::M, column0 = static_cast<int>(blockIdx.x) * Shape::N;
  if (row0 >= step.rows) return;
  const Source<kValues> dz(p.dz, p.lddz, p.outputs, step.rows), w(p.w, p.ldw, p.outputs, p.inputs);
  A a(dz, row0);
  B b(w, column0);
  float sum[Shape::TM][4] = {};
  multiply<Shape>(a, b, p.outputs, shared, sum);
  finish<Shape>(sum, shared, [&](int m, int n, float(&d)[4]) {
    const int row = row0 + m, column = column0 + n;
    if (row >= step.rows || column >= p.inputs) return;
    chainBack(p.chain, step, row, column, d);
    store4(p.dx + static_cast<long long>(row) * p.chain.ld + column, d, p.inputs - column);
  });
}
