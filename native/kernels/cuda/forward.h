// A Dense layer forward: y = chain(x W + b), a tile of it.
#pragma once
#include "chain.h"
#include "tile.h"

namespace fusor::cuda {

// wait: returns when what the launch's other blocks give is there, which is the weights for the first layer, and what it reads for
// the others. All else is asked for before.
template <int KIND, class Shape, bool kPlain, class Wait>
DEVICE void forwardTile(const ForwardParams& p, const Step& step, int across, int down, float* shared, Wait wait) {
  const int row0 = down * Shape::M, column0 = across * Shape::N;
  if (row0 >= step.rows) return;
  const Source<KIND> x(p.input, step);
  const Source<kValues> w(p.w, p.ldw, p.outputs, p.inputs);
  Side<Source<KIND>, Shape, Shape::M, true> a(x, row0);
  Side<Source<kValues>, Shape, Shape::N, false> b(w, column0);
  if constexpr (KIND == kValues) {
    b.fetch(0);
    wait();
    a.fetch(0);
  } else {
    a.fetch(0);
    wait();
    b.fetch(0);
  }
  float sum[Shape::TM][4] = {}, bias[4] = {};
  const int ownColumn = column0 + columnOf<Shape>();
  if (p.bias && ownColumn < p.outputs) load4(p.w + static_cast<long long>(p.inputs) * p.ldw + ownColumn, bias);  // on its way early
  multiply<Shape>(a, b, p.inputs, shared, sum);
  finish<Shape>(sum, shared, [&](int m, int n, float(&v)[4]) {
    const int row = row0 + m, column = column0 + n;
    if (row >= step.rows || column >= p.outputs) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] += bias[i];
    chainForward<kPlain>(p.chain, step, row, column, v);
  });
}

}  // namespace fusor::cuda
