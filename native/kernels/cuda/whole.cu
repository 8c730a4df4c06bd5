// What needs whole gradients or weights, after hold.cu: the factor from all gradients' norm, the optimiser on gradients in memory, limits
// of weights' norms. Defines: OPTIMIZER.
#include "chain.h"
#include "optimizer.h"
#include "sums.h"

using namespace fusor::cuda;

namespace {

// In all lanes, in one fixed order.
DEVICE double sumOf(const double* values, int count) {
  double total = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) total += values[i];
  return warpSum(total);
}

DEVICE float limitFactor(double squares, double maxNorm) {
  const double norm = sqrt(squares);
  return static_cast<float>((norm < maxNorm ? norm : maxNorm) / (norm + 1e-7));
}

constexpr int kColumns = 32, kGroups = 8;  // of constrain: a block's, and threads that share a column's rows

}  // namespace

// One warp.
KERNEL(settle, SettleParams, 32) {
  Step step;
  if (!enter(p.call, step)) return;
  if (p.factor) {
    const double norm = sqrt(sumOf(p.squares, p.count));
    const float factor = norm > p.clipNorm ? static_cast<float>(p.clipNorm / norm) : isnan(norm) ? static_cast<float>(norm) : 1.0f;
    if (threadIdx.x == 0) *p.factor = factor;
  }
  if (p.finish) makeSums(p.sums, step, const_cast<Control*>(p.call.control), sumOf(p.penalties, p.count));
}

KERNEL(apply, ApplyParams, 256) {
  constexpr OptimizerKind kind = OptimizerKind::OPTIMIZER;
  Step step;
  if (!enter(p.call, step)) return;
  if (step.control->together && step.control->together[step.index] == 0) return;
  const Rule rule(p.optimizer, step);
  const float factor = p.factor ? *p.factor : 1;
  const int quads = p.ld / 4;
  const long long all = static_cast<long long>(p.rows) * quads;
  for (long long q = 256LL * blockIdx.x + threadIdx.x; q < all; q += 256LL * gridDim.x) {
    const int column = static_cast<int>(q % quads) * 4, valid = p.width - column;
    const long long at = 4 * q;
    float g[4], w[4], s0[4] = {}, s1[4] = {};
    load4(p.gradient + at, g);
    load4(p.w + at, w);
    if (Rule::hasSlot0(kind)) load4(p.slot0 + at, s0);
    if (Rule::hasSlot1(kind)) load4(p.slot1 + at, s1);
#pragma unroll
    for (int j = 0; j < 4; ++j) rule.template apply<kind>(g[j] * factor, w[j], s0[j], s1[j]);
    store4(p.w + at, w, valid);
    if (Rule::hasSlot0(kind)) store4(p.slot0 + at, s0, valid);
    if (Rule::hasSlot1(kind)) store4(p.slot1 + at, s1, valid);
  }
}

// Some columns a block, and the bias in a block of its own, the last.
KERNEL(constrain, ConstrainParams, kColumns * kGroups) {
  SHARED_MEMORY(double, shared);
  Step step;
  if (!enter(p.call, step)) return;
  if (blockIdx.x + 1 == gridDim.x) {
    float* const bias = p.w + static_cast<long long>(p.inputs) * p.ld;
    const int columns = p.biasMaxNorm > 0 ? p.outputs : 0, threads = kColumns * kGroups;
    double squares = 0;
    for (int n = static_cast<int>(threadIdx.x); n < columns; n += threads) squares += static_cast<double>(bias[n]) * bias[n];
    squares = blockSum<kGroups>(squares, shared + 1);
    if (threadIdx.x == 0) shared[0] = squares;
    __syncthreads();
    const float factor = limitFactor(shared[0], p.biasMaxNorm);
    for (int n = static_cast<int>(threadIdx.x); n < columns; n += threads) bias[n] *= factor;
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % kColumns, group = static_cast<int>(threadIdx.x) / kColumns;
  const int column = static_cast<int>(blockIdx.x) * kColumns + lane;
  const int rows = p.maxNorm > 0 && column < p.outputs ? p.inputs : 0;
  float* const w = p.w + column;
  double squares = 0;
  for (int r = group; r < rows; r += kGroups) {
    const double value = w[static_cast<long long>(r) * p.ld];
    squares += value * value;
  }
  shared[group * kColumns + lane] = squares;
  __syncthreads();
  squares = 0;
  for (int g = 0; g < kGroups; ++g) squares += shared[g * kColumns + lane];
  const float factor = limitFactor(squares, p.maxNorm);
  for (int r = group; r < rows; r += kGroups) w[static_cast<long long>(r) * p.ld] *= factor;
}
