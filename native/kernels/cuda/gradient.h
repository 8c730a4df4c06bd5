// The gradient before a Dense layer: dx = chain'(dz Wᵀ), through the chain of the stage before; a tile of it.
#pragma once
#include "chain.h"
#include "tile.h"

namespace fusor::cuda {

// wait: returns when dz is there; the weights are asked for before.
template <class Shape, class Wait>
DEVICE void gradientTile(const GradientParams& p, const Step& step, int across, int down, float* shared, Wait wait) {
  const int row0 = down * Shape::M, column0 = across * Shape::N;
  if (row0 >= step.rows) return;
  const Source<kValues> dz(p.dz, p.lddz, p.outputs, step.rows), w(p.w, p.ldw, p.outputs, p.inputs);
  Side<Source<kValues>, Shape, Shape::M, true> a(dz, row0);
  Side<Source<kValues>, Shape, Shape::N, true> b(w, column0);
  b.fetch(0);
  wait();
  a.fetch(0);
  float sum[Shape::TM][4] = {};
  multiply<Shape>(a, b, p.outputs, shared, sum);
  finish<Shape>(sum, shared, [&](int m, int n, float(&d)[4]) {
    const int row = row0 + m, column = column0 + n;
    if (row >= step.rows || column >= p.inputs) return;
    chainBack(p.chain, step, row, column, d);
    store4(p.dx + static_cast<long long>(row) * p.chain.ld + column, d, p.inputs - column);
  });
}

}  // namespace fusor::cuda
