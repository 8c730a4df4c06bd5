// All weights' gradients, a tile a block, and a range of tiles for each layer: each handed to the optimiser where it is made, so that it
// never goes to memory, or held there (hold.cu) for what has to know all of them.
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

// A thread's rows of a tile of weights, four columns each.
template <class Shape>
struct WeightRows {
  int feature, unit;  // the first
  int features, units, ld;

  DEVICE WeightRows(const UpdateStage& s, int tile)
      : features(s.inputs + s.bias), units(s.outputs), ld(s.ldw) {
    const Corner<Shape> at;
    feature = tile / s.tilesAcross * Shape::M + at.m, unit = tile % s.tilesAcross * Shape::N + at.n;
  }
  DEVICE bool has(int i) const { return feature + i < features && unit < units; }
  DEVICE long long at(int i) const { return static_cast<long long>(feature + i) * ld + unit; }
  DEVICE int valid() const { return units - unit; }
};

// Hands a tile's gradient to the optimiser.
template <OptimizerKind K, class Shape>
class Optimised {
 public:
  DEVICE Optimised(const UpdateParams& p, int which, const Step& step, int block)
      : s_(p.stage[which]), rows_(s_, block - s_.firstBlock), rule_(p.optimizer, step) {
#pragma unroll
    for (int i = 0; i < Shape::TM; ++i) {
      if (!rows_.has(i)) continue;
      load4(s_.w + rows_.at(i), w_[i]);
      if (Rule::hasSlot0(K)) load4(s_.slot0 + rows_.at(i), s0_[i]);
      if (Rule::hasSlot1(K)) load4(s_.slot1 + rows_.at(i), s1_[i]);
    }
  }
  DEVICE void take(float (&g)[Shape::TM][4], float*) {
#pragma unroll
    for (int i = 0; i < Shape::TM; ++i) {
      if (!rows_.has(i)) continue;
#pragma unroll
      for (int j = 0; j < 4; ++j) rule_.template apply<K>(g[i][j], w_[i][j], s0_[i][j], s1_[i][j]);
      store4(s_.w + rows_.at(i), w_[i], rows_.valid());
      if (Rule::hasSlot0(K)) store4(s_.slot0 + rows_.at(i), s0_[i], rows_.valid());
      if (Rule::hasSlot1(K)) store4(s_.slot1 + rows_.at(i), s1_[i], rows_.valid());
    }
  }

 private:
  const UpdateStage& s_;
  const WeightRows<Shape> rows_;
  const Rule rule_;
  float w_[Shape::TM][4] = {}, s0_[Shape::TM][4] = {}, s1_[Shape::TM][4] = {};
};

// Use: what takes the tile's gradient. What it needs of the weights is under way while the gradient is waited for and computed.
template <int KIND, class Shape, class Wait, class Use>
DEVICE void updateTile(const UpdateStage& s, const Step& step, int tile, float* shared, Wait wait, Use use) {
  static_assert(Shape::GROUPS == 1, "a thread updates the elements that it sums");
  using S = WithOnes<Source<KIND>>;
  const S x{Source<KIND>(s.input, step), s.bias ? s.inputs : -1, step.rows};
  const Source<kValues> dz(s.dz, s.lddz, s.outputs, step.rows);
  Side<S, Shape, Shape::M, false> a(x, tile / s.tilesAcross * Shape::M);
  Side<Source<kValues>, Shape, Shape::N, false> b(dz, tile % s.tilesAcross * Shape::N);
  a.fetch(0);
  wait();
  b.fetch(0);
  float g[Shape::TM][4] = {};
  multiply<Shape>(a, b, step.rows, shared, g);
  use.take(g, shared);
}

// INPUT_KIND: of the first layer. last: of all blocks, which makes the step's sums where somebody is to. wait: returns when dz and the
// rows' losses are there; all else, weights and slots too, is asked for before. use(which): of the tile of the stage.
template <int INPUT_KIND, class Shape, class Wait, class MakeUse>
DEVICE void updateBlock(const UpdateParams& p, const Step& step, Control* control, int block, int last, float* shared, Wait wait,
                        MakeUse use) {
  if (p.finish && block == last) {
    wait();
    return makeSums(p.sums, step, control);
  }
  int which = 0;
  while (which + 1 < p.stages && block >= p.stage[which + 1].firstBlock) ++which;
  const UpdateStage& s = p.stage[which];
  const int tile = block - s.firstBlock;
  if (INPUT_KIND != kValues && !s.input.values) {
    updateTile<INPUT_KIND, Shape>(s, step, tile, shared, wait, use(which));
  } else {
    updateTile<kValues, Shape>(s, step, tile, shared, wait, use(which));
  }
}

}  // namespace fusor::cuda
