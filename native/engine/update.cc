#include <cmath>

#include "plan.h"

namespace fusor {

const char* needsWholeGradients(const Plan& plan) {
  if (plan.optimizer.accumulate > 1) return "gradient accumulation needs whole gradients, which fused kernels never hold";
  for (const Layer& layer : plan.layers) {
    for (const Restraint& r : {layer.kernel, layer.bias}) {
      if (r.l1 > 0 || r.l2 > 0) return "a regularizer's penalty is summed over all weights, which fused kernels do not";
      if (r.maxNorm > 0) return "a constraint needs the norms of whole columns, which fused kernels do not know";
    }
  }
  return nullptr;
}

Update updateOf(const Optimizer& o, double rate, int64_t step) {
  Update u{};
  u.kind = o.kind;
  u.rate = static_cast<float>(rate);
  u.decay1 = static_cast<float>(o.decay1);
  u.blend1 = static_cast<float>(1.0 - o.decay1);
  u.decay2 = static_cast<float>(o.decay2);
  u.blend2 = static_cast<float>(1.0 - o.decay2);
  u.epsilon = static_cast<float>(o.epsilon);
  if (o.kind == UpdateKind::Adam || o.kind == UpdateKind::AdamW) {
    const double t = static_cast<double>(step) + 1.0;
    u.rate = static_cast<float>(rate * std::sqrt(1.0 - std::pow(o.decay2, t)) / (1.0 - std::pow(o.decay1, t)));
    u.shrink = static_cast<float>(rate * o.weightDecay);
  }
  return u;
}

}  // namespace fusor
