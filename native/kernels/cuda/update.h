// All weights' gradients, each handed to the optimiser where it is made: it never goes to memory, unless it is to be
// clipped. A range of tiles for each layer.
#pragma once
#include "chain.h"
#include "optimizer.h"
#include "sums.h"
#include "tile.h"

namespace fusor::cuda {

// A layer's input, and the column of ones that the bias has.
template <class S>
struct WithOnes {
  using Raw = typename S::Raw;
  S source;
  int ones, rows;  // column of the ones; beyond all where there is no bias

  DEVICE Raw load(int row, int column) const { return source.load(row, column); }
  DEVICE float4 value(Raw raw, int row, int column) const {
    float4 v = source.value(raw, row, column);
    if (row >= rows) return v;
    if (ones == column) v.x = 1;
    if (ones == column + 1) v.y = 1;
    if (ones == column + 2) v.z = 1;
    if (ones == column + 3) v.w = 1;
    return v;
  }
};

// The sum of the squares of all threads' values, in thread 0.
template <int WARPS>
DEVICE double blockSum(double value, double* shared) {
  value = warpSum(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0;
  for (int w = 0; threadIdx.x == 0 && w < WARPS; ++w) total += shared[w];
  return total;
}

template <int KIND, OptimizerKind K, bool kClip, class Shape, class Wait>
DEVICE void updateTile(const UpdateParams& p, const UpdateStage& s, const Step& step, int block, float* shared, Wait wait) {
  static_assert(Shape::GROUPS == 1, "a thread updates the elements that it sums");
  using S = WithOnes<Source<KIND>>;
  const int tile = block - s.firstBlock;
  const int feature0 = tile / s.tilesAcross * Shape::M, unit0 = tile % s.tilesAcross * Shape::N;
  const int features = s.inputs + s.bias;
  const S x{Source<KIND>(s.input, step), s.bias ? s.inputs : -1, step.rows};
  const Source<kValues> dz(s.dz, s.lddz, s.outputs, step.rows);
  Side<S, Shape, Shape::M, false> a(x, feature0);
  Side<Source<kValues>, Shape, Shape::N, false> b(dz, unit0);
  const Corner<Shape> at;
  const int feature = feature0 + at.m, unit = unit0 + at.n;

  // Under way while the gradient is waited for and computed.
  const Rule rule(p.optimizer, step);
  float w[Shape::TM][4] = {}, s0[Shape::TM][4] = {}, s1[Shape::TM][4] = {};
#pragma unroll
  for (int i = 0; i < Shape::TM; ++i) {
    if (kClip || feature + i >= features || unit >= s.outputs) continue;
    const long long to = static_cast<long long>(feature + i) * s.ldw + unit;
    load4(s.w + to, w[i]);
    if (Rule::hasSlot0(K)) load4(s.slot0 + to, s0[i]);
    if (Rule::hasSlot1(K)) load4(s.slot1 + to, s1[i]);
  }
  a.fetch(0);
  wait();
  b.fetch(0);
  float g[Shape::TM][4] = {};
  multiply<Shape>(a, b, step.rows, shared, g);

  double squares = 0;
#pragma unroll
  for (int i = 0; i < Shape::TM; ++i) {
    if (feature + i >= features || unit >= s.outputs) continue;
    const long long to = static_cast<long long>(feature + i) * s.ldw + unit;
    const int valid = s.outputs - unit;
    if constexpr (kClip) {
      store4(s.gradient + to, g[i], valid);
#pragma unroll
      for (int j = 0; j < 4; ++j) squares += j < valid ? static_cast<double>(g[i][j]) * g[i][j] : 0.0;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) rule.template apply<K>(g[i][j], w[i][j], s0[i][j], s1[i][j]);
      store4(s.w + to, w[i], valid);
      if (Rule::hasSlot0(K)) store4(s.slot0 + to, s0[i], valid);
      if (Rule::hasSlot1(K)) store4(s.slot1 + to, s1[i], valid);
    }
  }
  if constexpr (kClip) {
    squares = blockSum<Shape::WARPS>(squares, reinterpret_cast<double*>(shared));
    if (threadIdx.x == 0) p.squares[block] = squares;
  }
}

// INPUT_KIND: of the first layer. last: of all blocks, which makes the step's sums where somebody is to. wait: returns when dz and the
// rows' losses are there; all else, weights and slots too, is asked for before.
template <int INPUT_KIND, OptimizerKind K, bool kClip, class Shape, class Wait>
DEVICE void updateBlock(const UpdateParams& p, const Step& step, Control* control, int block, int last, float* shared, Wait wait) {
  if (p.finish && block == last) {
    wait();
    return makeSums(p.sums, step, control);
  }
  int which = 0;
  while (which + 1 < p.stages && block >= p.stage[which + 1].firstBlock) ++which;
  const UpdateStage& s = p.stage[which];
  if (INPUT_KIND != kValues && !s.input.values) {
    updateTile<INPUT_KIND, K, kClip, Shape>(p, s, step, block, shared, wait);
  } else {
    updateTile<kValues, K, kClip, Shape>(p, s, step, block, shared, wait);
  }
}

}  // namespace fusor::cuda
