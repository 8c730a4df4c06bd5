// What clipping adds: the factor from all gradients' norm, then the optimiser on gradients in memory. Defines: OPTIMIZER.
#include "chain.h"
#include "optimizer.h"

using namespace fusor::cuda;

// One warp.
KERNEL(clipFactor, NormParams, 32) {
  Step step;
  if (!enter(p.call, step)) return;
  double total = 0;
  for (int i = static_cast<int>(threadIdx.x); i < p.count; i += 32) total += p.squares[i];
  total = warpSum(total);
  if (threadIdx.x == 0) {
    const double norm = sqrt(total);
    *p.factor = norm > p.clipNorm ? static_cast<float>(p.clipNorm / norm) : isnan(norm) ? static_cast<float>(norm) : 1.0f;
  }
}

KERNEL(apply, ApplyParams, 256) {
  constexpr OptimizerKind kind = OptimizerKind::OPTIMIZER;
  Step step;
  if (!enter(p.call, step)) return;
  const Rule rule(p.optimizer, step);
  const float factor = *p.factor;
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
