#include <algorithm>
#include <cmath>
#include <functional>

#include "plan.h"

namespace fusor {

namespace {

template <class F>
bool anyRestraint(const Plan& plan, F f) {
  return std::ranges::any_of(plan.layers, [&](const Layer& layer) { return std::invoke(f, layer.kernel) || std::invoke(f, layer.bias); });
}

}  // namespace

std::vector<Shape> parametersOf(const Layer& layer) {
  if (layer.kind == LayerKind::BatchNormalization) {
    return std::vector<Shape>(2 + layer.hasGamma + layer.hasBeta, Shape{1, layer.channels});
  }
  if (layer.kind != LayerKind::Dense) return {};
  std::vector<Shape> shapes{{layer.inputs, layer.outputs}};
  if (layer.useBias) shapes.push_back({1, layer.outputs});
  return shapes;
}

bool holdsGradients(const Plan& plan) {
  return plan.optimizer.clipNorm > 0 || plan.optimizer.accumulate > 1 || anyRestraint(plan, &Restraint::penalises);
}

bool limitsNorms(const Plan& plan) {
  return anyRestraint(plan, [](const Restraint& r) { return r.maxNorm > 0; });
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
