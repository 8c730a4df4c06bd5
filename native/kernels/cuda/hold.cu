// The gradients of all weights to memory, for what has to know all of them (whole.cu): with the slope of what the weights add to the
// loss, or with those of the steps before. One launch for all layers. Defines: INPUT (of the first layer), TILE (the arguments of
// TileShape).
#include "update.h"

using namespace fusor::cuda;

using Shape = TileShape<TILE>;

namespace {

class Held {
 public:
  DEVICE Held(const HoldParams& p, int which, const Step& step, int block)
      : p_(p), s_(p.update.stage[which]), held_(p.held[which]), rows_(s_, block - s_.firstBlock), block_(block),
        together_(held_.sum ? step.control->together[step.index] : 1) {
#pragma unroll
    for (int i = 0; i < Shape::TM; ++i) {
      if (!rows_.has(i)) continue;
      if (p.penalties) load4(s_.w + rows_.at(i), w_[i]);
      if (held_.sum) load4(held_.sum + rows_.at(i), sum_[i]);
    }
  }
  DEVICE void take(float (&g)[Shape::TM][4], float* shared) {
    double squares = 0, penalty = 0;
#pragma unroll
    for (int i = 0; i < Shape::TM; ++i) {
      if (!rows_.has(i)) continue;
      const bool isBias = rows_.feature + i == s_.inputs;
      const float l1 = isBias ? held_.biasL1 : held_.l1, l2 = isBias ? held_.biasL2 : held_.l2;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j >= rows_.valid()) continue;
        float& each = g[i][j];
        const float w = w_[i][j];
        if (p_.penalties) {
          each += l1 * static_cast<float>((w > 0) - (w < 0)) + 2 * l2 * w;
          penalty += static_cast<double>(l1) * fabsf(w) + static_cast<double>(l2) * w * w;
        }
        if (held_.sum) each += sum_[i][j];
        sum_[i][j] = together_ > 0 ? 0 : each;
        if (together_ > 1) each /= together_;
        squares += static_cast<double>(each) * each;
      }
      if (held_.sum) store4(held_.sum + rows_.at(i), sum_[i], rows_.valid());
      store4(held_.gradient + rows_.at(i), g[i], rows_.valid());
    }
    report(squares, p_.squares, shared);
    report(penalty, p_.penalties, shared);
  }

 private:
  DEVICE void report(double value, double* to, float* shared) const {
    if (!to) return;
    value = blockSum<Shape::WARPS>(value, reinterpret_cast<double*>(shared));
    if (threadIdx.x == 0) to[block_] = value;
  }

  const HoldParams& p_;
  const UpdateStage& s_;
  const HeldStage& held_;
  const WeightRows<Shape> rows_;
  const int block_;
  const float together_;
  float w_[Shape::TM][4] = {}, sum_[Shape::TM][4] = {};
};

}  // namespace

KERNEL(hold, HoldParams, Shape::THREADS) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.update.call, step)) return;
  const int block = static_cast<int>(blockIdx.x);
  updateBlock<INPUT, Shape>(p.update, step, const_cast<Control*>(p.update.call.control), block, static_cast<int>(gridDim.x) - 1, shared,
                            [] {}, [&](int which) { return Held(p, which, step, block); });
}
