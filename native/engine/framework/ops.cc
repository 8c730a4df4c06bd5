#include "ops.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace fusor::framework {
namespace {

using std::optional;
using FusedLinear = at::Tensor(const at::Tensor&, const at::Tensor&, const optional<at::Tensor>&, c10::string_view,
                               c10::List<optional<at::Scalar>>, optional<c10::string_view>);

// oneDNN's linear with the activation inside. It is registered by libtorch's oneDNN build only, and has no C++ header.
const c10::TypedOperatorHandle<FusedLinear>* fusedLinear() {
  static const auto handle = []() -> optional<c10::TypedOperatorHandle<FusedLinear>> {
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!schema) return std::nullopt;
    return schema->typed<FusedLinear>();
  }();
  return handle ? &*handle : nullptr;
}

// Not relu: oneDNN's turns NaN into 0.
const char* oneDnnName(Activation activation) {
  switch (activation) {
    case Activation::Linear:
    case Activation::Relu: return "none";
    case Activation::Sigmoid: return "sigmoid";
    case Activation::Tanh: return "tanh";
    default: return nullptr;
  }
}

// Whether the loss of a row is told by its greatest prediction, and its label's logit.
bool byBest(const Plan& plan) {
  return plan.loss == LossKind::SparseCategoricalCrossentropy && plan.output == Activation::Softmax;
}

}  // namespace

OneDnnLinear oneDnnLinear() {
  if (!fusedLinear()) return nullptr;
  return [](const at::Tensor& x, const at::Tensor& w, const optional<at::Tensor>& b, const char* activation) {
    return fusedLinear()->call(x, w, b, activation, c10::List<optional<at::Scalar>>(), c10::string_view(""));
  };
}

at::Tensor dense(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, Activation activation, at::Tensor* z) {
  const optional<at::Tensor> bias = b.defined() ? optional<at::Tensor>(b) : std::nullopt;
  const char* name = oneDnnName(activation);
  if (const auto linear = oneDnnLinear(); linear && name && !z && x.device().is_cpu()) {
    at::Tensor y = linear(x, w, bias, name);
    return activation == Activation::Relu ? at::relu_(y) : y;
  }
  const at::Tensor value = at::linear(x, w, bias);
  if (z) *z = value;
  return activate(activation, value);
}

at::Tensor activate(Nonlinearity activation, const at::Tensor& x) {
  switch (activation.kind) {
    case Activation::Relu: return at::relu(x);
    case Activation::Sigmoid: return at::sigmoid(x);
    case Activation::Tanh: return at::tanh(x);
    case Activation::Elu: return at::elu(x);
    case Activation::Gelu: return at::gelu(x);
    case Activation::Softmax: return at::_softmax(x, -1, false);
    case Activation::Silu: return at::silu(x);
    case Activation::Selu: return at::elu(x, kSeluAlpha, kSeluScale);
    case Activation::Softplus: return at::softplus(x);
    case Activation::LeakyRelu: return at::leaky_relu(x, activation.negativeSlope);
    default: return x;
  }
}

at::Tensor activateBackward(Nonlinearity activation, const at::Tensor& y, const at::Tensor& z, const at::Tensor& dy) {
  switch (activation.kind) {
    case Activation::Relu: return at::threshold_backward(dy, y, 0);
    case Activation::Sigmoid: return at::sigmoid_backward(dy, y);
    case Activation::Tanh: return at::tanh_backward(dy, y);
    case Activation::Elu: return at::elu_backward(dy, 1, 1, 1, /*is_result=*/true, y);
    case Activation::Gelu: return at::gelu_backward(dy, z);
    case Activation::Softmax: return at::_softmax_backward_data(dy, y, -1, dy.scalar_type());
    case Activation::Silu: return at::silu_backward(dy, z);
    case Activation::Selu: return at::elu_backward(dy, kSeluAlpha, kSeluScale, 1, /*is_result=*/false, z);
    case Activation::Softplus: return at::softplus_backward(dy, z, 1, 20);
    case Activation::LeakyRelu: return at::leaky_relu_backward(dy, z, activation.negativeSlope, /*self_is_result=*/false);
    default: return dy;
  }
}

at::Tensor normalize(const Layer& layer, const Normalization& p, const at::Tensor& x, Moments* moments) {
  const bool ofBatch = moments && layer.trainable;
  const auto none = at::Tensor();
  // [n, channels]: row-major, the last axis is the channels'.
  auto [y, mean, inverse] = at::native_batch_norm(x.reshape({-1, layer.channels}), p.gamma, p.beta, ofBatch ? none : p.movingMean,
                                                  ofBatch ? none : p.movingVariance, ofBatch, 0, layer.epsilon);
  if (ofBatch) *moments = {mean, inverse};
  return y.reshape(x.sizes());
}

NormalizationGradients normalizeBackward(const Layer& layer, const Normalization& p, const at::Tensor& x, const Moments& moments,
                                         const at::Tensor& dy) {
  const bool ofBatch = layer.trainable;
  const auto flat = [&](const at::Tensor& t) { return t.reshape({-1, layer.channels}).contiguous(); };
  const auto none = at::Tensor();
  auto [dx, gamma, beta] = at::native_batch_norm_backward(
      flat(dy), flat(x), p.gamma, ofBatch ? none : p.movingMean, ofBatch ? none : p.movingVariance, moments.mean, moments.inverse, ofBatch,
      layer.epsilon, {true, layer.trainable && layer.hasGamma, layer.trainable && layer.hasBeta});
  return {dx.reshape(dy.sizes()), gamma, beta};
}

void moveAverages(const Layer& layer, Normalization& p, const Moments& moments) {
  const double blend = 1 - layer.momentum;
  p.movingMean.mul_(layer.momentum).add_(moments.mean, blend);
  // Of a column without variance rounding may leave less than none.
  const at::Tensor variance = moments.inverse.square().reciprocal_().sub_(layer.epsilon).clamp_min_(0);
  p.movingVariance.mul_(layer.momentum).add_(variance, blend);
}

Outcome outcomeOf(const Plan& plan, const at::Tensor& z) {
  const bool classes = plan.loss == LossKind::SparseCategoricalCrossentropy || plan.loss == LossKind::CategoricalCrossentropy;
  const bool looked = !plan.metrics.empty() || plan.loss >= LossKind::SquaredError;
  const bool accuracy = std::any_of(plan.metrics.begin(), plan.metrics.end(),
                                    [](const Metric& m) { return m.kind == MetricKind::CategoricalAccuracy; });
  Outcome outcome{z, {}, {}};
  if (looked || (classes && plan.output == Activation::Softmax)) outcome.p = activate(plan.output, z);
  if (accuracy || byBest(plan)) outcome.best = at::argmax(outcome.p, 1, /*keepdim=*/true);
  return outcome;
}

at::Tensor losses(const Plan& plan, const Outcome& outcome, const at::Tensor& targets, const at::Tensor& weights) {
  const at::Tensor &z = outcome.z, &p = outcome.p;
  at::Tensor rows;
  switch (plan.loss) {
    case LossKind::SparseCategoricalCrossentropy: {
      const at::Tensor index = targets.unsqueeze(1);
      if (byBest(plan)) {
        // What log(softmax) is, without another pass over all logits: the logarithm of the greatest is exact enough.
        const auto at = [](const at::Tensor& all, const at::Tensor& place) { return all.gather(1, place).squeeze(1); };
        rows = (at(z, outcome.best) - at(z, index)).sub_(at(p, outcome.best).log_());
      } else {
        rows = at::_log_softmax(z, 1, false).gather(1, index).squeeze(1).neg();
      }
      break;
    }
    case LossKind::CategoricalCrossentropy:
      // A target of 0 counts nothing, however far away its logit is.
      rows = at::where(targets == 0, at::zeros({}, z.options()), targets * at::_log_softmax(z, 1, false)).sum(1).neg();
      break;
    case LossKind::BinaryCrossentropy:
      rows = (at::clamp_min(z, 0) - z * targets + at::log1p(at::exp(-at::abs(z)))).mean(1);
      break;
    case LossKind::SquaredError: rows = (p - targets).square_().mean(1); break;
    case LossKind::AbsoluteError: rows = (p - targets).abs_().mean(1); break;
    case LossKind::Huber: rows = at::huber_loss(p, targets, at::Reduction::None, plan.delta).mean(1); break;
  }
  return weights.defined() ? rows * weights : rows;
}

Gradient lossGradient(const Plan& plan, const Outcome& outcome, const at::Tensor& targets, const at::Tensor& weights) {
  const at::Tensor &z = outcome.z, &p = outcome.p;
  const auto rows = static_cast<double>(z.size(0)), outputs = static_cast<double>(z.size(1));
  const auto softmax = [&] { return plan.output == Activation::Softmax ? p : at::_softmax(z, 1, false); };
  double scale = 1 / rows;
  at::Tensor d;  // of a row's loss
  switch (plan.loss) {
    case LossKind::SparseCategoricalCrossentropy:
      d = softmax().scatter_add_(1, targets.unsqueeze(1), at::full({z.size(0), 1}, -1.0f, z.options()));
      break;
    case LossKind::CategoricalCrossentropy: d = softmax().sub_(targets); break;
    case LossKind::BinaryCrossentropy:
      scale /= outputs;
      d = at::sigmoid(z).sub_(targets);
      break;
    case LossKind::SquaredError:
    case LossKind::AbsoluteError:
    case LossKind::Huber: {
      const at::Tensor difference = p - targets;
      scale /= outputs;
      d = activateBackward(plan.output, p, z, plan.loss == LossKind::SquaredError    ? difference * 2
                                              : plan.loss == LossKind::AbsoluteError ? difference.sign()
                                                                                     : difference.clamp(-plan.delta, plan.delta));
      break;
    }
  }
  if (weights.defined()) d.mul_(weights.unsqueeze(1));
  return {d, scale};
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b, double scale) {
  if (scale == 1) return at::mm(a, b);
  return at::addmm(at::empty({}, a.options()), a, b, /*beta=*/0, scale);
}

at::Tensor metric(const Plan& plan, const Metric& metric, const Outcome& outcome, const at::Tensor& targets) {
  const at::Tensor& p = outcome.p;
  const auto classes = [&] { return plan.labels ? targets : at::argmax(targets, 1); };
  switch (metric.kind) {
    case MetricKind::CategoricalAccuracy:
      return outcome.best.squeeze(1).eq(classes()).to(at::kDouble);
    case MetricKind::TopK:
      return p.gt(p.gather(1, classes().unsqueeze(1))).sum(1).lt(metric.k).to(at::kDouble);
    case MetricKind::BinaryAccuracy:
      return p.gt(metric.threshold).eq(targets.gt(0.5)).to(at::kDouble).mean(1);
    case MetricKind::SquaredError:
    case MetricKind::AbsoluteError: {
      const at::Tensor y = plan.labels ? at::zeros(p.sizes(), p.options().dtype(at::kDouble)).scatter_(1, targets.unsqueeze(1), 1)
                                       : targets.to(at::kDouble);
      const at::Tensor difference = p.to(at::kDouble) - y;
      return (metric.kind == MetricKind::SquaredError ? difference.square() : difference.abs()).mean(1);
    }
  }
  return {};
}

// Philox-4x32-10 in int64: a product of two words wraps, but its bits are right, and masks take away the sign.
at::Tensor dropoutFactors(const Plan& plan, const Layer& layer, int64_t step, int64_t rows, at::Device device) {
  constexpr int64_t kWord = 0xffffffff, kPurpose = 3;
  const int64_t count = rows * layer.outputs, groups = (count + 3) / 4;
  const auto options = at::TensorOptions().device(device).dtype(at::kLong);
  const auto all = [&](int64_t word) { return at::full({groups}, word, options); };
  at::Tensor c0 = at::arange(groups, options).bitwise_and_(kWord), c1 = all(step & kWord), c2 = all(step >> 32 & kWord),
             c3 = all(kPurpose << 24 | layer.stream);
  int64_t k0 = static_cast<int64_t>(plan.seed & kWord), k1 = static_cast<int64_t>(plan.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const at::Tensor product0 = c0.mul(int64_t{0xd2511f53}), product1 = c2.mul(int64_t{0xcd9e8d57});
    const auto high = [](const at::Tensor& product) { return at::bitwise_right_shift(product, at::Scalar(int64_t{32})).bitwise_and_(kWord); };
    c0 = high(product1).bitwise_xor_(c1).bitwise_xor_(k0);
    c1 = product1.bitwise_and(kWord);
    c2 = high(product0).bitwise_xor_(c3).bitwise_xor_(k1);
    c3 = product0.bitwise_and(kWord);
    k0 = (k0 + 0x9e3779b9) & kWord;
    k1 = (k1 + 0xbb67ae85) & kWord;
  }
  const at::Tensor numbers = at::stack({c0, c1, c2, c3}, 1).flatten().slice(0, 0, count).reshape({rows, layer.outputs});
  const auto threshold = static_cast<int64_t>(layer.rate * 4294967296.0);
  return numbers.ge(threshold).to(at::kFloat).mul_(static_cast<float>(1.0 / (1.0 - layer.rate)));
}

void clip(std::vector<at::Tensor>& gradients, double most) {
  std::vector<at::Tensor> squares;
  for (const at::Tensor& g : gradients) squares.push_back(g.to(at::kDouble).square_().sum());
  const at::Tensor norm = at::stack(squares).sum().sqrt_();
  // A norm that is NaN makes them so. No look at it here: the host would have to wait for a device.
  const at::Tensor factor = at::where(norm <= most, at::ones_like(norm), most / norm).to(at::kFloat);
  for (at::Tensor& g : gradients) g.mul_(factor);
}

at::Tensor penalty(const Restraint& r, const at::Tensor& w) {
  const at::Tensor wide = w.to(at::kDouble);
  if (r.l2 == 0) return wide.abs().sum().mul_(r.l1);
  const at::Tensor squares = wide.square().sum().mul_(r.l2);
  return r.l1 == 0 ? squares : squares + wide.abs().sum().mul_(r.l1);
}

void regularize(const Restraint& r, const at::Tensor& w, at::Tensor& gradient) {
  if (r.l1 > 0) gradient.add_(w.sign(), r.l1);
  if (r.l2 > 0) gradient.add_(w, 2 * r.l2);
}

void constrain(const Restraint& r, at::Tensor& w) {
  if (r.maxNorm == 0) return;
  const at::Tensor norms = w.to(at::kDouble).square().sum(-1, true).sqrt_();
  w.mul_((norms.clamp_max(r.maxNorm) / (norms + 1e-7)).to(at::kFloat));
}

void update(const Optimizer& o, double rate, int64_t step, std::vector<at::Tensor>& weights, std::vector<at::Tensor>& gradients,
            std::vector<std::vector<at::Tensor>>& slots) {
  if (o.kind == UpdateKind::Adam || o.kind == UpdateKind::AdamW) {
    if (o.kind == UpdateKind::AdamW) at::_foreach_mul_(weights, 1 - rate * o.weightDecay);
    // torch adds epsilon to sqrt(v / (1 - beta2^t)), Keras and the contract to sqrt(v): the same with this epsilon.
    const double t = static_cast<double>(step) + 1;
    const double epsilon = o.epsilon / std::sqrt(1 - std::pow(o.decay2, t));
    const std::vector<at::Tensor> steps(weights.size(), at::full({}, t, weights[0].options()));
    at::_fused_adam_(weights, gradients, slots[0], slots[1], {}, steps, rate, o.decay1, o.decay2, 0, epsilon, false, false);
    return;
  }
  // On a GPU one launch for all parameters together.
  switch (o.kind) {
    case UpdateKind::Momentum:
    case UpdateKind::Nesterov:
      at::_foreach_mul_(slots[0], o.decay1);
      at::_foreach_add_(slots[0], gradients, -rate);
      if (o.kind == UpdateKind::Nesterov) {
        at::_foreach_add_(weights, slots[0], o.decay1);
        at::_foreach_add_(weights, gradients, -rate);
      } else {
        at::_foreach_add_(weights, slots[0]);
      }
      break;
    case UpdateKind::Rmsprop: {
      at::_foreach_mul_(slots[0], o.decay1);
      at::_foreach_addcmul_(slots[0], gradients, gradients, 1 - o.decay1);
      std::vector<at::Tensor> roots = at::_foreach_add(slots[0], o.epsilon);
      at::_foreach_sqrt_(roots);
      at::_foreach_addcdiv_(weights, gradients, roots, -rate);
      break;
    }
    default:
      at::_foreach_add_(weights, gradients, -rate);
  }
}

}  // namespace fusor::framework
