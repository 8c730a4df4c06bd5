#include "framework_ops.h"

#include <ATen/core/dispatch/Dispatcher.h>

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

at::Tensor perRow(const at::Tensor& losses, const at::Tensor& weights) {
  return weights.defined() ? losses * weights : losses;
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

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::Relu: return at::relu(x);
    case Activation::Sigmoid: return at::sigmoid(x);
    case Activation::Tanh: return at::tanh(x);
    case Activation::Elu: return at::elu(x);
    case Activation::Gelu: return at::gelu(x);
    case Activation::Softmax: return at::_softmax(x, -1, false);
    default: return x;
  }
}

at::Tensor activateBackward(Activation activation, const at::Tensor& y, const at::Tensor& z, const at::Tensor& dy) {
  switch (activation) {
    case Activation::Relu: return at::threshold_backward(dy, y, 0);
    case Activation::Sigmoid: return at::sigmoid_backward(dy, y);
    case Activation::Tanh: return at::tanh_backward(dy, y);
    case Activation::Elu: return at::elu_backward(dy, 1, 1, 1, /*is_result=*/true, y);
    case Activation::Gelu: return at::gelu_backward(dy, z);
    case Activation::Softmax: return at::_softmax_backward_data(dy, y, -1, at::kFloat);
    default: return dy;
  }
}

LossResult loss(const Plan& plan, const at::Tensor& z, const at::Tensor& p, const at::Tensor& targets,
                const at::Tensor& weights, bool gradient) {
  const auto rows = static_cast<double>(z.size(0)), outputs = static_cast<double>(z.size(1));
  LossResult result;
  at::Tensor d;  // of a row's loss
  double scale = 1 / rows;
  switch (plan.loss) {
    case LossKind::SparseCategoricalCrossentropy: {
      const at::Tensor logs = at::_log_softmax(z, 1, false), index = targets.unsqueeze(1);
      result.rows = logs.gather(1, index).squeeze(1).neg();
      if (gradient) d = logs.exp().scatter_add_(1, index, at::full({z.size(0), 1}, -1.0f, z.options()));
      break;
    }
    case LossKind::CategoricalCrossentropy: {
      const at::Tensor logs = at::_log_softmax(z, 1, false);
      // A target of 0 counts nothing, however far away its logit is.
      result.rows = at::where(targets == 0, at::zeros({}, z.options()), targets * logs).sum(1).neg();
      if (gradient) d = logs.exp().sub_(targets);
      break;
    }
    case LossKind::BinaryCrossentropy:
      result.rows = (at::clamp_min(z, 0) - z * targets + at::log1p(at::exp(-at::abs(z)))).mean(1);
      scale /= outputs;
      if (gradient) d = at::sigmoid(z) - targets;
      break;
    case LossKind::SquaredError:
    case LossKind::AbsoluteError: {
      const bool squared = plan.loss == LossKind::SquaredError;
      const at::Tensor difference = p - targets;
      result.rows = (squared ? difference.square() : difference.abs()).mean(1);
      scale /= outputs;
      if (gradient) d = activateBackward(plan.output, p, z, squared ? difference * 2 : difference.sign());
      break;
    }
  }
  result.rows = perRow(result.rows, weights);
  if (gradient) result.dz = weights.defined() ? d * (weights * scale).unsqueeze(1) : d.mul(scale);
  return result;
}

void clip(std::vector<at::Tensor>& gradients, double most) {
  double squares = 0;
  for (const at::Tensor& g : gradients) squares += g.to(at::kDouble).square_().sum().item<double>();
  const double norm = std::sqrt(squares);
  if (norm <= most) return;  // NaN is not
  for (at::Tensor& g : gradients) g.mul_(most / norm);
}

void update(const Optimizer& o, double rate, int64_t step, std::vector<at::Tensor>& weights, std::vector<at::Tensor>& gradients,
            std::vector<std::vector<at::Tensor>>& slots) {
  if (o.kind == UpdateKind::Adam || o.kind == UpdateKind::AdamW) {
    if (o.kind == UpdateKind::AdamW) {
      for (at::Tensor& w : weights) w.mul_(1 - rate * o.weightDecay);
    }
    // torch adds epsilon to sqrt(v / (1 - beta2^t)), Keras and the contract to sqrt(v): the same with this epsilon.
    const double t = static_cast<double>(step) + 1;
    const double epsilon = o.epsilon / std::sqrt(1 - std::pow(o.decay2, t));
    const std::vector<at::Tensor> steps(weights.size(), at::full({}, t, at::kFloat));
    at::_fused_adam_(weights, gradients, slots[0], slots[1], {}, steps, rate, o.decay1, o.decay2, 0, epsilon, false, false);
    return;
  }
  for (size_t p = 0; p < weights.size(); ++p) {
    at::Tensor &w = weights[p], &g = gradients[p];
    switch (o.kind) {
      case UpdateKind::Momentum:
      case UpdateKind::Nesterov: {
        at::Tensor& velocity = slots[0][p];
        velocity.mul_(o.decay1).sub_(g, rate);
        if (o.kind == UpdateKind::Nesterov) {
          w.add_(velocity, o.decay1).sub_(g, rate);
        } else {
          w.add_(velocity);
        }
        break;
      }
      case UpdateKind::Rmsprop: {
        at::Tensor& v = slots[0][p];
        v.mul_(o.decay1).addcmul_(g, g, 1 - o.decay1);
        w.addcdiv_(g, (v + o.epsilon).sqrt_(), -rate);
        break;
      }
      default:
        w.sub_(g, rate);
    }
  }
}

}  // namespace fusor::framework
