// A Dense layer forward: y = chain(x W + b). Defines: INPUT (see input.h), TILE (the arguments of TileShape), PLAIN (0,
// 1: see chain.h).
#include "chain.h"
#include "tile.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;
using A = Side<Source<INPUT>, Shape, Shape::M, true>;
using B = Side<Source<kValues>, Shape, Shape::N, false>;

KERNEL(forward, ForwardParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  const int row0 = static_cast<int>(blockIdx.y) * Shape::M, column0 = static_cast<int>(blockIdx.x) * Shape::N;
  if (row0 >= step.rows) return;
  const Source<INPUT> x(p.input, step);
  const Source<kValues> w(p.w, p.ldw, p.outputs, p.inputs);
  A a(x, row0);
  B b(w, column0);
  float sum[Shape::TM][4] = {}, bias[4] = {};
  const int ownColumn = column0 + columnOf<Shape>();
  if (p.bias && ownColumn < p.outputs) load4(p.w + static_cast<long long>(p.inputs) * p.ldw + ownColumn, bias);  // on its way early
  multiply<Shape>(a, b, p.inputs, shared, sum);
  finish<Shape>(sum, shared, [&](int m, int n, float(&v)[4]) {
    const int row = row0 + m, column = column0 + n;
    if (row >= step.rows || column >= p.outputs) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] += bias[i];
    chainForward<PLAIN>(p.chain, step, row, column, v);
  });
}
