// Our variant: the functions that a training step is made of (FusedTrainer), with its packing, its sharing out and its
// team. A trainer of two layers, the second of which is the one that is measured; the first only holds its input.
#include <algorithm>

#include "../engine/fused/run.h"
#include "../engine/fused/zeros.h"
#include "bench.h"

namespace fusor {

class FusedSubject : public bench::Subject {
 public:
  FusedSubject(const bench::Case& c, const bench::Data& data, const Kernels& kernels, bool check)
      : case_(c), data_(data), update_(check ? UpdateKind::Store : UpdateKind::Adam), batch_{nullptr, {}, {}, {}},
        trainer_(planOf(c), stateOf(c, data), kernels, c.threads), run_{control_, report_} {
    using bench::Op;
    trainer_.training_ = trainer_.valuesFor(c.batch, true);
    const Input input = !isSparse(c.op) ? Input::Floats : kernels.tilesForward ? Input::Tiles : Input::Sparse;
    for (int i = 0; i < c.threads; ++i) {
      run_.sources.push_back(trainer_.sourceFor(c.batch, c.batch, input, true));
      if (!isSparse(c.op)) continue;
      for (int r = 0; r < c.batch; ++r) run_.sources[i].rows[r] = data.bytes.data() + static_cast<size_t>(r) * c.inputs;
      run_.sources[i].coming.clear();
    }
    run_.losses.resize(c.batch);
    x_ = Floats(c.batch * trainer_.xStride_);
    batch_.x = x_.data(), batch_.stride = trainer_.xStride_;
    set_.bytes = data.bytes;
    batch_.labels = data.labels;
    if (layer() == 1) copyIn(data.x, c.inputs, trainer_.stages_[0].ld, trainer_.training_->stages[0].y.data());
    if (c.op == Op::OptimizerStep) copyIn(data.x, c.inputs, trainer_.xStride_, x_.data());
    auto& last = trainer_.training_->stages.back();
    copyIn(data.dy, c.units, trainer_.stages_.back().ld, c.op == Op::SoftmaxCrossentropy ? last.y.data() : last.dz.data());
  }

  double computed() const override { return computed_; }

  void run(int calls) override {
    trainer_.team_.run(case_.threads, [&](int me) {
      for (int i = 0; i < calls; ++i) {
        once(me);
        trainer_.team_.barrier();
      }
    });
  }

  bench::Results results() override {
    using bench::Op;
    const int l = layer();
    auto& stage = trainer_.stages_[l];
    auto& values = trainer_.training_->stages;
    const auto weights = [&] { return unpack(stage.kernel.value.data(), stage.inputs, stage.outputs, trainer_.kernels_.width); };
    const auto bias = [&] { return unpack(stage.bias.value.data(), 1, stage.outputs, trainer_.kernels_.width); };
    const auto y = [&] { return copyOut(values[l].y.data(), case_.units, stage.ld); };
    const auto dx = [&] { return copyOut(values[0].dz.data(), case_.inputs, trainer_.stages_[0].ld); };
    switch (case_.op) {
      case Op::Forward:
      case Op::SparseForward: return {y(), {}, {}, {}};
      case Op::ForwardBackward: return {y(), dx(), weights(), bias()};
      case Op::InputGradient: return {{}, dx(), {}, {}};
      case Op::WeightUpdate:
      case Op::SparseUpdate: return {{}, {}, weights(), bias()};
      case Op::SoftmaxCrossentropy: return {copyOut(values[l].dz.data(), case_.units, stage.ld), {}, {}, {}};
      case Op::Gather: return {copyOut(x_.data(), case_.inputs, trainer_.xStride_), {}, {}, {}};
      case Op::OptimizerStep: return {{}, {}, weights(), {}};
    }
    return {};
  }

 private:
  static bool isSparse(bench::Op op) { return op == bench::Op::SparseForward || op == bench::Op::SparseUpdate; }
  // Whether the layer reads the batch itself.
  static bool isFirst(bench::Op op) {
    return isSparse(op) || op == bench::Op::Gather || op == bench::Op::OptimizerStep || op == bench::Op::SoftmaxCrossentropy;
  }
  int layer() const { return isFirst(case_.op) ? 0 : 1; }

  static Plan planOf(const bench::Case& c) {
    const Activation relu = Activation::Relu;
    Plan plan{};
    plan.features = isFirst(c.op) ? c.inputs : 1;
    plan.outputs = c.units;
    if (c.op == bench::Op::Gather || isSparse(c.op)) {
      Layer rescaling{LayerKind::Rescaling, c.inputs, c.inputs};
      rescaling.scale = bench::kByteScale;
      plan.layers.push_back(rescaling);
    }
    if (!isFirst(c.op)) {
      const Activation before = c.op == bench::Op::InputGradient ? relu : Activation::Linear;
      plan.layers.push_back({LayerKind::Dense, 1, c.inputs, true, before});
    }
    const Activation own = c.op == bench::Op::SoftmaxCrossentropy ? Activation::Linear : relu;
    plan.layers.push_back({LayerKind::Dense, plan.layers.empty() || isFirst(c.op) ? c.inputs : plan.layers.back().outputs,
                           c.units, true, own});
    plan.output = c.op == bench::Op::SoftmaxCrossentropy ? Activation::Softmax : Activation::Linear;
    plan.labels = true;
    plan.loss = LossKind::SparseCategoricalCrossentropy;
    plan.optimizer = bench::adamOptimizer();
    return plan;
  }

  static State stateOf(const bench::Case& c, const bench::Data& data) {
    State state;
    if (!isFirst(c.op)) {
      state.weights.emplace_back(c.inputs);
      state.weights.emplace_back(c.inputs);
    }
    state.weights.push_back(data.w.empty() ? std::vector<float>(static_cast<size_t>(c.inputs) * c.units) : data.w);
    state.weights.push_back(data.b.empty() ? std::vector<float>(c.units) : data.b);
    for (int s = 0; s < 2; ++s) {
      state.slots.emplace_back();
      for (const auto& w : state.weights) state.slots[s].emplace_back(w.size());
    }
    return state;
  }

  static void copyRows(const std::vector<float>& from, int columns, long ld, Range rows, float* to) {
    for (long r = rows.begin; r < rows.end; ++r) std::copy_n(from.data() + r * columns, columns, to + r * ld);
  }
  static void copyIn(const std::vector<float>& from, int columns, long ld, float* to) {
    copyRows(from, columns, ld, {0, static_cast<int>(from.size() / columns)}, to);
  }
  std::vector<float> copyOut(const float* from, int columns, long ld) const {
    std::vector<float> to(static_cast<size_t>(case_.batch) * columns);
    for (int r = 0; r < case_.batch; ++r) std::copy_n(from + r * ld, columns, to.data() + static_cast<size_t>(r) * columns);
    return to;
  }

  // One call, as one member of the team: the order and the barriers of FusedTrainer's step.
  void once(int me) {
    using bench::Op;
    const int rows = case_.op == Op::OptimizerStep ? 1 : case_.batch;
    const bool adam = case_.op == Op::OptimizerStep || (update_ == UpdateKind::Adam && case_.op != Op::ForwardBackward);
    // Gradients stored in place of the weights would be what the next call computes with, and what its relu makes zero: so they are
    // where they are looked at, else they go into weights that stay.
    const Update plain{update_ == UpdateKind::Store ? UpdateKind::Store : UpdateKind::Sgd, 0, 0, 0, 0, 0, 0, 0};
    const Step step{0, 0, rows, rows, batch_, run_.sources[me], adam ? updateOf(trainer_.plan_.optimizer, bench::kRate, 0) : plain, true,
                    false};
    const int l = layer();
    double share = 1;
    switch (case_.op) {
      case Op::Forward:
      case Op::SparseForward: share = forward(l, step, me); break;
      case Op::ForwardBackward:
        share = forward(l, step, me) / 3;
        trainer_.team_.barrier();
        // The mask is applied in place: without this each call would find fewer gradients that are not zero.
        copyRows(data_.dy, case_.units, trainer_.stages_[l].ld, trainer_.share(rows, me), trainer_.training_->stages[l].dz.data());
        trainer_.backwardAfter(l, step, me);
        trainer_.team_.barrier();
        share += backward(l, step, me) * 2 / 3;
        break;
      case Op::InputGradient:
      case Op::WeightUpdate:
      case Op::SparseUpdate:
      case Op::OptimizerStep: share = backward(l, step, me); break;
      case Op::SoftmaxCrossentropy: trainer_.loss(run_, step, trainer_.share(rows, me), me); break;
      case Op::Gather:
        trainer_.gather(set_, data_.order.data(), 0, trainer_.share(rows, me), true, batch_, &step);
        break;
    }
    if (me == 0) computed_ = share;
  }

  // These return the share of the products that were computed.
  double forward(int l, const Step& step, int me) {
    const DenseStage& stage = trainer_.stages_[l];
    const Range rows = stage.byColumns ? Range{0, step.rows} : trainer_.share(step.rows, me);
    const Range panels = stage.byColumns ? trainer_.share(stage.panels, me) : Range{0, stage.panels};
    trainer_.lookAt(l, *trainer_.training_, step.batch, step.source, {0, step.rows});
    trainer_.forwardDense(l, *trainer_.training_, step.batch, step.source, rows, panels);
    return fusor::computed(step.source.density[l]);
  }

  // Only what the operation is about.
  double backward(int l, const Step& step, int me) {
    // For a where no way forward has been.
    if (case_.op != bench::Op::ForwardBackward) trainer_.lookAt(l, *trainer_.training_, step.batch, step.source, {0, step.rows});
    DenseBackward d = trainer_.gradientsOf(l, step);
    if (case_.op == bench::Op::InputGradient) d.a = nullptr, d.bias = nullptr;
    if (case_.op == bench::Op::WeightUpdate) d.dx = nullptr;
    return trainer_.backwardDense(l, d, step, me);
  }

  const bench::Case& case_;
  const bench::Data& data_;
  const UpdateKind update_;
  Control control_;
  Report report_;
  Dataset set_;
  Batch batch_;
  Floats x_;
  double computed_ = 1;
  FusedTrainer trainer_;
  FusedTrainer::Run run_;
};

std::unique_ptr<bench::Subject> bench::fusedSubject(const Case& c, const Data& data, const std::string& isa, bool check) {
  const Kernels* kernels = kernelsByName(isa.c_str());
  if (!kernels) return nullptr;
  return std::make_unique<FusedSubject>(c, data, *kernels, check);
}

}  // namespace fusor
