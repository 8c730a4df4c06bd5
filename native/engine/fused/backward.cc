// The way back, from the gradient of the logits down to the first Dense.
#include <algorithm>

#include "trainer.h"
#include "zeros.h"

namespace fusor {

// On entry to each turn the stage's dz is complete and visible: at its very end for a stage with a backward pass of its
// own, before its activation for the others.
void FusedTrainer::backward(const Step& step, int me) {
  for (size_t l = stages_.size(); l-- > lowest_;) {
    const Timed timed(step.stamps, me, step.summed ? Phase::Backward : Phase::BackwardUpdate, stages_[l].layer);
    if (stages_[l].backwardPass(l + 1 == stages_.size())) {
      backwardAfter(l, step, me);
      meet(step, me);
    }
    // Below a frozen Dense nothing may learn but what comes after it.
    if (l > lowest_ || stages_[l].trainable) timed.density(backwardDense(l, gradientsOf(l, step), step, me));
  }
}

// Through the layers after the Dense and its activation, in place: this member's rows, or columns of those that need all rows.
void FusedTrainer::backwardAfter(size_t l, const Step& step, int me) {
  DenseStage& stage = stages_[l];
  StageValues& values = training_->stages[l];
  const Range rows = share(step.rows, me);
  Share made = Share::All;
  const auto turnTo = [&](Share next) {
    if (made != Share::All && made != next) meet(step, me);
    made = next;
  };
  for (size_t i = stage.after.size(); i-- > 0;) {
    if (stage.after[i].takesColumns()) {
      turnTo(Share::Columns);
      normalizeBackward(stage, values, i, step, share(stage.panels, me));
    } else {
      turnTo(Share::Rows);
      backwardAfter(stage, values, i, step, rows);
    }
  }
  if (stage.activation == Activation::Linear) return;
  turnTo(Share::Rows);
  float* const dz = values.dz.data();
  for (int r = rows.begin; r < rows.end; ++r) {
    const long at = r * stage.ld;
    kernels_.activateBackward(stage.activation, values.y.data() + at, values.z.size() ? values.z.data() + at : nullptr, dz + at,
                              dz + at, stage.outputs);
  }
}

// Some rows of a layer after a Dense; of a batch normalisation one that is not trained.
void FusedTrainer::backwardAfter(const DenseStage& stage, StageValues& values, size_t i, const Step& step, Range rows) const {
  const Layer& layer = stage.after[i].layer;
  float* const dz = values.dz.data();
  if (layer.kind == LayerKind::BatchNormalization) {
    for (int p = 0; p < stage.panels; ++p) kernels_.normalizeBackward(columnsOf(stage, i, values, dz, rows, p), false, nullptr, nullptr);
    return;
  }
  if (layer.kind == LayerKind::Dropout) {
    return dropout(layer, step, rows, dz + rows.begin * stage.ld, dz + rows.begin * stage.ld, stage.ld);
  }
  for (int r = rows.begin; r < rows.end; ++r) {
    const long at = r * stage.ld;
    if (layer.kind == LayerKind::Rescaling) kernels_.scaleFloats(dz + at, dz + at, stage.outputs, layer.scale, 0);
    if (layer.kind == LayerKind::Activation) {
      kernels_.activateBackward(layer.nonlinearity(), values.after[i].data() + at, values.before(i) + at, dz + at, dz + at, stage.outputs);
    }
  }
}

// All that a Dense gives on the way back, before it is shared out.
DenseBackward FusedTrainer::gradientsOf(size_t l, const Step& step) {
  DenseStage& stage = stages_[l];
  DenseBackward d{};
  d.dz = training_->stages[l].dz.data(), d.lddz = stage.ld;
  d.rows = step.rows, d.inputs = stage.inputs, d.outputs = stage.outputs;
  d.features = {0, stage.inputs}, d.panels = {0, stage.panels};
  d.w = stage.kernel.value.data(), d.slot0 = stage.kernel.slot(0), d.slot1 = stage.kernel.slot(1);
  d.update = step.update;
  d.scratch = step.source.scratch.data();
  if (stage.trainable) {
    if (stage.useBias) d.bias = stage.bias.value.data(), d.biasSlot0 = stage.bias.slot(0), d.biasSlot1 = stage.bias.slot(1);
    d.a = stageInput(l, *training_, step.batch), d.lda = stageStride(l, step.batch);
  }
  if (l == lowest_) return d;
  const DenseStage& before = stages_[l - 1];
  StageValues& to = training_->stages[l - 1];
  d.lddx = before.ld;
  d.dx = to.dz.data(), d.h = to.y.data(), d.z = to.z.data();
  d.activation = before.after.empty() ? before.activation : Activation::Linear;
  return d;
}

// Decides by a look at dz, and by what the way forward has seen of a, which zeros are left out. Returns how many products are
// computed, as a share of one product's, for each.
double FusedTrainer::leaveOutZeros(size_t l, DenseBackward& d, const Step& step) const {
  const DenseStage& stage = stages_[l];
  const Source& source = step.source;
  const int begin = d.panels.begin * kernels_.width, end = std::min(d.panels.end * kernels_.width, stage.outputs);
  const bool mayDx = d.dx && mayLeaveOut(stage, Product::InputGradient, source.batchRows);
  const bool mayDw = d.a && mayLeaveOut(stage, Product::WeightGradient, source.batchRows);
  const double dz = mayDx || mayDw ? densityOf(d.dz + begin, d.lddz, d.rows, end - begin) : 1;
  const double a = source.density[l], dx = mayDx ? dz : 1, dw = std::min(a, mayDw ? dz : 1);
  d.sparseDx = leavesOutZeros(dx);
  d.sparseDw = !leavesOutZeros(dw) ? DenseBackward::None : a <= dw ? DenseBackward::OfA : DenseBackward::OfDz;
  return (d.dx ? computed(dx) : 0) + (d.a ? computed(dw) : 0);
}

// Hands the gradients that multiply(gradients) makes to the optimiser, or to the memory where they are summed.
template <class F>
void FusedTrainer::update(DenseStage& stage, const DenseBackward& d, const Step& step, F multiply) const {
  if (!step.summed) return multiply(d);
  DenseBackward sums = d;
  sums.w = sums.slot0 = sums.slot1 = stage.kernel.gradient.data();
  if (d.bias) sums.bias = sums.biasSlot0 = sums.biasSlot1 = stage.bias.gradient.data();
  // At a rate of -1 the gradient is added as it is.
  sums.update = step.first == 0 ? Update{UpdateKind::Store} : Update{UpdateKind::Sgd, -1};
  multiply(sums);
}

// Both gradients, each by the kernels that its form asks for; that of the inputs first, for it reads the weights.
void FusedTrainer::multiplyBack(DenseStage& stage, const DenseBackward& d, const Step& step) const {
  const auto kernelOf = [&](Product product) {
    return byTiles(stage, product, step.source.batchRows) ? kernels_.denseTilesBackward : kernels_.denseBackward;
  };
  const auto input = kernelOf(Product::InputGradient), weights = kernelOf(Product::WeightGradient);
  if (d.dx && d.a && input == weights && !step.summed) return input(d);
  if (d.dx) {
    DenseBackward alone = d;
    alone.a = nullptr, alone.bias = nullptr;
    input(alone);
  }
  if (d.a) {
    DenseBackward alone = d;
    alone.dx = nullptr;
    update(stage, alone, step, weights);
  }
}

// The first stage, on rows of bytes. Where its weights have left the caches until the next step, what they give for that step's rows is
// made here, of some panels as soon as they are new: so they come from memory once a step, not twice.
void FusedTrainer::backwardBytes(const DenseBackward& d, const Step& step, int me) {
  constexpr int kPanelsAhead = 8;
  DenseStage& stage = stages_[0];
  Source& source = step.source;
  const auto backward = source.input == Input::Tiles ? kernels_.tilesBackward : kernels_.sparseBackward;
  int coming = static_cast<int>(source.coming.size());
  const auto times = [&](const DenseBackward& own) {
    backward({own, source.rows.data(), table_, reinterpret_cast<uint8_t*>(source.scratch.data()), source.coming.data(), coming});
  };
  if (!step.ahead) return update(stage, d, step, times);
  const Range rows{0, coming};
  DenseBackward some = d;
  for (int p = d.panels.begin; p < d.panels.end; p += kPanelsAhead, coming = 0) {
    some.panels = {p, std::min(p + kPanelsAhead, d.panels.end)};
    times(some);
    const Timed timed(step.stamps, me, Phase::Forward, stage.layer);
    forwardBytes(*training_, source, source.coming, rows, some.panels);
  }
}

// This member's share of `d`. Ends with a barrier where the next stage's turn needs one. Returns the share of its products that were
// computed.
double FusedTrainer::backwardDense(size_t l, DenseBackward d, const Step& step, int me) {
  DenseStage& stage = stages_[l];
  const int count = (d.dx ? 1 : 0) + (d.a ? 1 : 0);
  double products = 0;
  float* bias = d.bias;
  const auto byFeatures = [&](Range features) {
    d.features = features;
    // One member's: it has them all.
    d.bias = features.begin == 0 && features.end > 0 ? bias : nullptr;
  };
  if (d.dx && stages_[l - 1].byColumns) {
    // The inputs whose columns this member owns: nobody else reads their weights, which may change at once.
    const Range own = share(stages_[l - 1].panels, me);
    byFeatures({own.begin * kernels_.width, std::min(own.end * kernels_.width, stage.inputs)});
    products = leaveOutZeros(l, d, step);
    multiplyBack(stage, d, step);
    // The first stage, by columns, needs only those of its gradient that the member itself has just computed.
    if (l > 1 || !stages_[0].after.empty()) meet(step, me);
    return products / count;
  }
  if (d.dx) {
    const Range rows = share(step.rows, me);
    DenseBackward input = d;
    input.a = nullptr, input.bias = nullptr;
    input.rows = rows.size(), input.dz += rows.begin * d.lddz, input.dx += rows.begin * d.lddx;
    input.h += rows.begin * d.lddx;
    if (input.z) input.z += rows.begin * d.lddx;
    products = leaveOutZeros(l, input, step);
    multiplyBack(stage, input, step);
    meet(step, me);
    if (!d.a) return products;
    d.dx = nullptr;
  }
  if (stage.byColumns) {
    d.panels = share(stage.panels, me);
  } else {
    byFeatures(share(stage.inputs, me));
  }
  if (l == 0 && step.source.input != Input::Floats) {
    products = 1;
    backwardBytes(d, step, me);
  } else {
    products += leaveOutZeros(l, d, step);
    multiplyBack(stage, d, step);
  }
  return products / count;
}

}  // namespace fusor
