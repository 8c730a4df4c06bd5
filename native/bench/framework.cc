// The frameworks' variants, in the calls that PyTorch's own autograd makes for a Dense layer: at::linear and at::mm, or
// oneDNN's fused linear for all three products.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "../engine/framework/ops.h"
#include "bench.h"

namespace fusor::bench {
namespace {

using at::Tensor;

template <class T>
Tensor tensorOf(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type) {
  if (values.empty()) return {};
  return at::from_blob(const_cast<T*>(values.data()), shape, type).clone();
}

std::vector<float> vectorOf(const Tensor& tensor) {
  const Tensor plain = tensor.contiguous();
  return {plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel()};
}

class FrameworkSubject : public Subject {
 public:
  FrameworkSubject(const Case& c, const Data& data, framework::OneDnnLinear oneDnn, bool check)
      : case_(c), check_(check), oneDnn_(oneDnn), x_(tensorOf(data.x, {c.batch, c.inputs}, at::kFloat)),
        b_(tensorOf(data.b, {c.units}, at::kFloat)), dy_(tensorOf(data.dy, {c.batch, c.units}, at::kFloat)) {
    const c10::InferenceMode guard;
    // PyTorch keeps [outputs, inputs].
    if (!data.w.empty()) w_ = tensorOf(data.w, {c.inputs, c.units}, at::kFloat).t().contiguous();
    if (!data.bytes.empty()) bytes_ = tensorOf(data.bytes, {static_cast<int64_t>(data.bytes.size()) / c.inputs, c.inputs}, at::kByte);
    if (!data.order.empty()) order_ = tensorOf(data.order, {c.batch}, at::kInt);
    if (!data.labels.empty()) labels_ = tensorOf(data.labels, {c.batch}, at::kInt).to(at::kLong);
    plan_.loss = LossKind::SparseCategoricalCrossentropy;
    plan_.output = Activation::Softmax;
    adam_ = adamOptimizer();
    if (w_.defined()) {
      weights_ = {w_};
      if (b_.defined() && c.op != Op::OptimizerStep) weights_.push_back(b_);
      for (auto& slot : slots_) {
        for (const Tensor& w : weights_) slot.push_back(at::zeros_like(w));
      }
    }
    // Of one row, as in our variant.
    if (c.op == Op::OptimizerStep) dw_ = at::mm(dy_.slice(0, 0, 1).t(), x_.slice(0, 0, 1));
  }

  void run(int calls) override {
    const c10::InferenceMode guard;
    at::set_num_threads(case_.threads);
    for (int i = 0; i < calls; ++i) once();
  }

  Results results() override {
    const c10::InferenceMode guard;
    const auto turned = [](const Tensor& t) { return vectorOf(t.t()); };
    switch (case_.op) {
      case Op::ForwardBackward: return {vectorOf(y_), vectorOf(dx_), turned(dw_), vectorOf(db_)};
      case Op::InputGradient: return {{}, vectorOf(dx_), {}, {}};
      case Op::WeightUpdate:
      case Op::SparseUpdate: return {{}, {}, turned(dw_), vectorOf(db_)};
      case Op::OptimizerStep: return {{}, {}, turned(w_), {}};
      default: return {vectorOf(y_), {}, {}, {}};
    }
  }

 private:
  // a b^T
  Tensor product(const Tensor& a, const Tensor& b) const {
    return oneDnn_ ? oneDnn_(a, b, std::nullopt, "none") : at::mm(a, b.t());
  }

  void forward() {
    if (oneDnn_) {
      y_ = oneDnn_(x_, w_, b_, "relu");
    } else {
      y_ = at::linear(x_, w_, b_);
      at::relu_(y_);
    }
  }

  void weightGradient(const Tensor& dz) {
    dw_ = product(dz.t(), x_.t());
    db_ = dz.sum(0);
  }

  void adam(std::vector<Tensor> gradients) { framework::update(adam_, kRate, 0, weights_, gradients, slots_); }

  void once() {
    switch (case_.op) {
      case Op::Forward:
      case Op::SparseForward: forward(); break;
      case Op::ForwardBackward: {
        forward();
        const Tensor dz = at::threshold_backward(dy_, y_, 0);
        dx_ = product(dz, w_.t());
        weightGradient(dz);
        break;
      }
      case Op::InputGradient: dx_ = at::threshold_backward(product(dy_, w_.t()), x_, 0); break;
      case Op::WeightUpdate:
      case Op::SparseUpdate:
        weightGradient(dy_);
        if (!check_) adam({dw_, db_});
        break;
      case Op::SoftmaxCrossentropy: {
        const framework::Outcome outcome = framework::outcomeOf(plan_, dy_);
        framework::losses(plan_, outcome, labels_, {});
        const framework::Gradient gradient = framework::lossGradient(plan_, outcome, labels_, {});
        y_ = gradient.d.mul_(gradient.scale);
        break;
      }
      case Op::Gather: y_ = bytes_.index_select(0, order_).to(at::kFloat).mul_(kByteScale); break;
      case Op::OptimizerStep: adam({dw_}); break;
    }
  }

  const Case& case_;
  const bool check_;
  const framework::OneDnnLinear oneDnn_;
  Plan plan_{};
  Optimizer adam_{};
  Tensor x_, w_, b_, dy_, bytes_, order_, labels_, y_, dx_, dw_, db_;
  std::vector<Tensor> weights_;
  std::vector<std::vector<Tensor>> slots_{2};
};

bool hasProduct(Op op) { return op != Op::SoftmaxCrossentropy && op != Op::Gather && op != Op::OptimizerStep; }

}  // namespace

std::unique_ptr<Subject> atenSubject(const Case& c, const Data& data, bool oneDnn, bool check) {
  if (oneDnn && (!framework::oneDnnLinear() || !hasProduct(c.op))) return nullptr;
  return std::make_unique<FrameworkSubject>(c, data, oneDnn ? framework::oneDnnLinear() : nullptr, check);
}

std::unique_ptr<Subject> subjectFor(const std::string& variant, const Case& c, const Data& data, bool check) {
  if (variant == "aten" || variant == "onednn") return atenSubject(c, data, variant == "onednn", check);
  return fusedSubject(c, data, variant == "fused" ? "auto" : variant.substr(variant.find('-') + 1), check);
}

}  // namespace fusor::bench
