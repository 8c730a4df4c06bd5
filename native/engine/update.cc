#include <cmath>

#include "plan.h"

namespace fusor {

std::string needsWholeGradients(const Plan& plan) {
  if (plan.optimizer.accumulate > 1) return "gradientAccumulationSteps";
  for (const Layer& layer : plan.layers) {
    for (const Restraint& r : {layer.kernel, layer.bias}) {
      const bool penalised = r.l1 > 0 || r.l2 > 0;
      if (penalised || r.maxNorm > 0) return std::string(penalised ? "the regularizer" : "the constraint") + " of layer \"" + layer.name + "\"";
    }
  }
  return "";
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
