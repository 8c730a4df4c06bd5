// The optimisers, on one value of a gradient. The formulas are the contract's (src/backend/contract.ts).
#pragma once
#include "step.h"

namespace fusor::cuda {

// One step's constants.
struct Rule {
  float rate, shrink;
  OptimizerConstants c;

  DEVICE Rule(const OptimizerConstants& constants, float rate, float shrink) : rate(rate), shrink(shrink), c(constants) {}
  DEVICE Rule(const OptimizerConstants& constants, const Step& step)
      : Rule(constants, step.control->rates[2 * step.index], step.control->rates[2 * step.index + 1]) {}

  static constexpr bool hasSlot0(OptimizerKind k) { return k >= OptimizerKind::Momentum; }
  static constexpr bool hasSlot1(OptimizerKind k) { return k == OptimizerKind::Adam || k == OptimizerKind::AdamW; }

  // Updates w and its slots from g.
  template <OptimizerKind K>
  DEVICE void apply(float g, float& w, float& s0, float& s1) const {
    if constexpr (K == OptimizerKind::Store) {
      w = g;
    } else if constexpr (K == OptimizerKind::Sgd) {
      w = fmaf(-rate, g, w);
    } else if constexpr (K == OptimizerKind::Momentum || K == OptimizerKind::Nesterov) {
      const float step = rate * g;
      s0 = c.decay1 * s0 - step;
      w += K == OptimizerKind::Nesterov ? c.decay1 * s0 - step : s0;
    } else if constexpr (K == OptimizerKind::Adam || K == OptimizerKind::AdamW) {
      s0 = fmaf(g - s0, c.blend1, s0);
      s1 = fmaf(g * g - s1, c.blend2, s1);
      if constexpr (K == OptimizerKind::AdamW) w = fmaf(-shrink, w, w);
      w = fmaf(-rate, quotient(s0, root(s1) + c.epsilon), w);
    } else {
      s0 = fmaf(c.decay1, s0, c.blend1 * (g * g));
      w -= quotient(rate * g, root(s0 + c.epsilon));
    }
  }
};

}  // namespace fusor::cuda
