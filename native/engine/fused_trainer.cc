#include <algorithm>
#include <chrono>
#include <cmath>

#include "fused_run.h"

namespace fusor {

Range FusedTrainer::share(int count, int member) const {
  const auto at = [&](int m) { return static_cast<int>(static_cast<long>(count) * m / team_.active()); };
  return {at(member), at(member + 1)};
}

void FusedTrainer::run(const Dataset& data, const Span& span, Control& control, Report& report) {
  const int64_t steps = static_cast<int64_t>(span.learningRates.size()), rows = static_cast<int64_t>(span.order.size());
  if (steps == 0) return;
  const int capacity = static_cast<int>(std::min<int64_t>(span.batchSize, rows));
  if (!training_ || training_->rows < capacity) training_ = valuesFor(capacity, true);
  Run run{control, report, {}, {}, {}, {}, {}, {}, 0, {}, 0, false};
  const bool sparse = mostlyZero(data);
  sparse_.store(sparse, std::memory_order_relaxed);
  for (Floats& x : run.x) {
    x = Floats(sparse ? 0 : capacity * xStride_);
    run.batches.push_back(batchFor(data, capacity, x.data(), sparse));
  }
  int widest = 1;
  for (const DenseStage& stage : stages_) widest = std::max(widest, stage.outputs);
  for (int i = 0; i < team_.size(); ++i) run.scratch.emplace_back(static_cast<size_t>(widest) * kernels_.width);
  if (sparse) run.byteScratch.assign(team_.size(), std::vector<uint8_t>(16 * ((capacity + 63) / 64 * 64)));
  run.losses.resize(capacity);
  run.metrics.resize(capacity * plan_.metrics.size());
  run.metricSums.resize(plan_.metrics.size());
  report.metrics.resize(plan_.metrics.size());

  // False where the span ends before this step. Every member reads that at the same place, between two barriers.
  const auto oneStep = [&](int64_t s, int me) {
    const int64_t first = s * span.batchSize, next = first + span.batchSize;
    const auto rowsFrom = [&](int64_t at) { return static_cast<int>(std::clamp<int64_t>(rows - at, 0, span.batchSize)); };
    const Step step{span.firstStep + s, rowsFrom(first), run.batches[s & 1],
                    updateOf(plan_.optimizer, span.learningRates[s], step_ + s)};
    gather(data, span.order.data(), first, share(step.rows, me), step.batch, &step);
    // Sparse kernels read every row from every member.
    const Range coming{0, rowsFrom(next)};
    prefetch(data, span.order.data() + next, sparse ? coming : share(coming.end, me));
    if (me == 0) {
      const bool diverged = !report.losses.empty() && !std::isfinite(report.losses.back());
      run.stop = diverged || control.abort.load(std::memory_order_relaxed);
    }
    team_.barrier();
    if (run.stop) return false;
    forward(step, me);
    loss(run, step, me);
    team_.barrier();
    if (me == 0) record(run, step);
    backward(run, step, me);
    return true;
  };
  for (int64_t s = 0; s < steps && !run.stop;) {
    const int64_t end = std::min<int64_t>(steps, s + pace_.steps());
    const auto start = std::chrono::steady_clock::now();
    team_.run(pace_.members(), [&](int me) {
      for (int64_t i = s; i < end && oneStep(i, me);) ++i;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    pace_.measured(static_cast<int>(end - s), took.count());
    s = end;
  }
  step_ += report.stepsDone;
  report.aborted = report.stepsDone < steps;
}

void FusedTrainer::forward(const Step& step, int me) {
  const Range rows = share(step.rows, me), all{0, step.rows};
  for (size_t l = 0; l < stages_.size(); ++l) {
    const DenseStage& stage = stages_[l];
    if (l > 0) team_.barrier();
    if (stage.byColumns) {
      forwardDense(l, *training_, step.batch, all, share(stage.panels, me));
      if (!stage.after.empty()) team_.barrier();
    } else {
      forwardDense(l, *training_, step.batch, rows, {0, stage.panels});
    }
    forwardAfter(stage, training_->stages[l], rows, &step);
  }
}

void FusedTrainer::loss(Run& run, const Step& step, int me) {
  const bool trains = !stages_.empty();
  // Logits that were computed by columns are read by rows.
  if (trains && stages_.back().byColumns && stages_.back().after.empty()) team_.barrier();
  StageValues* last = trains ? &training_->stages.back() : nullptr;
  lossRows(plan_, kernels_,
           {last ? last->out() : step.batch.x, training_->predictions.data(), last ? last->dz.data() : nullptr, logitStride(),
            step.batch.targets(), step.batch.rowWeights(), step.rows, run.losses.data(), run.metrics.data(),
            share(step.rows, me)});
}

void FusedTrainer::record(Run& run, const Step& step) {
  const size_t count = plan_.metrics.size();
  double loss = 0;
  for (int r = 0; r < step.rows; ++r) loss += run.losses[r];
  run.report.losses.push_back(static_cast<float>(loss / step.rows));
  run.lossSum += loss;
  for (size_t m = 0; m < count; ++m) {
    double metric = 0;
    for (int r = 0; r < step.rows; ++r) metric += run.metrics[r * count + m];
    run.report.metrics[m].push_back(static_cast<float>(metric / step.rows));
    run.metricSums[m] += metric;
  }
  run.rowsDone += step.rows;
  ++run.report.stepsDone;
  if (!run.control.progress || !run.control.wantsProgress()) return;
  std::vector<double> means(run.metricSums);
  for (double& mean : means) mean /= static_cast<double>(run.rowsDone);
  run.control.progress(run.report.stepsDone, run.lossSum / static_cast<double>(run.rowsDone), means);
}

// From the gradient of the logits down to the first Dense. On entry to each turn the stage's dz is complete and visible:
// at its very end for a stage with a backward pass of its own, before its activation for the others.
void FusedTrainer::backward(Run& run, const Step& step, int me) {
  for (size_t l = stages_.size(); l-- > 0;) {
    const DenseStage& stage = stages_[l];
    if (stage.backwardPass(l + 1 == stages_.size())) {
      backwardAfter(l, step, me);
      team_.barrier();
    }
    if (l > 0) {
      inputGradient(l, run, step, me);
      // A member may change the weights that it alone has read: those of the inputs it owns. Others must wait.
      if (stage.byColumns || !stages_[l - 1].byColumns) team_.barrier();
    }
    update(l, run, step, me);
    // The first stage, by columns, needs only the gradient's columns that the member itself has just computed.
    const bool ownColumns = l == 1 && stages_[0].byColumns && stages_[0].after.empty();
    if (l > 0 && !ownColumns) team_.barrier();
  }
}

// Through the layers after the Dense and its activation, in place, by rows.
void FusedTrainer::backwardAfter(size_t l, const Step& step, int me) {
  const DenseStage& stage = stages_[l];
  StageValues& values = training_->stages[l];
  const Range rows = share(step.rows, me);
  const int n = stage.outputs;
  for (int r = rows.begin; r < rows.end; ++r) {
    const long at = r * stage.ld;
    float* d = values.dz.data() + at;
    for (size_t i = stage.after.size(); i-- > 0;) {
      const Layer& layer = stage.after[i];
      if (layer.kind == LayerKind::Rescaling) kernels_.scaleFloats(d, d, n, layer.scale, 0);
      if (layer.kind == LayerKind::Dropout) dropout(layer, step, r, d, d);
      if (layer.kind == LayerKind::Activation) {
        const float* in = (i == 0 ? values.y : values.after[i - 1]).data() + at;
        kernels_.activateBackward(layer.activation, values.after[i].data() + at, in, d, d, n);
      }
    }
    if (stage.activation != Activation::Linear) {
      kernels_.activateBackward(stage.activation, values.y.data() + at, values.z.size() ? values.z.data() + at : nullptr, d, d, n);
    }
  }
}

// dz of the stage before l, shared out as that stage is.
void FusedTrainer::inputGradient(size_t l, Run& run, const Step& step, int me) {
  const DenseStage& stage = stages_[l];
  const DenseStage& before = stages_[l - 1];
  const StageValues& values = training_->stages[l];
  StageValues& to = training_->stages[l - 1];
  const Range all{0, step.rows}, panels{0, before.panels};
  kernels_.denseInputGradient({values.dz.data(), stage.ld, stage.kernel.value.data(), stage.inputs, stage.outputs,
                               to.dz.data(), to.y.data(), to.z.data(), before.ld,
                               before.after.empty() ? before.activation : Activation::Linear,
                               before.byColumns ? all : share(step.rows, me),
                               before.byColumns ? share(before.panels, me) : panels, run.scratch[me].data()});
}

void FusedTrainer::update(size_t l, Run& run, const Step& step, int me) {
  DenseStage& stage = stages_[l];
  const float* dz = training_->stages[l].dz.data();
  const float* a = l == 0 ? step.batch.x : training_->stages[l - 1].out();
  const long lda = l == 0 ? xStride_ : stages_[l - 1].ld;
  Range features{0, stage.inputs}, panels = share(stage.panels, me);
  if (!stage.byColumns) {
    panels = {0, stage.panels};
    features = share(stage.inputs, me);
    if (l > 0 && stages_[l - 1].byColumns) {
      // The inputs whose columns this member owns.
      const Range own = share(stages_[l - 1].panels, me);
      features = {std::min(own.begin * kernels_.width, stage.inputs), std::min(own.end * kernels_.width, stage.inputs)};
    }
  }
  if (l == 0 && !step.batch.bytes.empty()) {
    kernels_.sparseWeightUpdate({step.batch.bytes.data(), table_, dz, stage.ld, step.rows, stage.inputs, features, panels,
                                 stage.kernel.value.data(), stage.kernel.slot(0), stage.kernel.slot(1), step.update,
                                 run.byteScratch[me].data()});
  } else {
    kernels_.denseWeightUpdate({a, lda, dz, stage.ld, step.rows, stage.inputs, features, panels, stage.kernel.value.data(),
                              stage.kernel.slot(0), stage.kernel.slot(1), step.update});
  }
  if (!stage.useBias || (!stage.byColumns && me != 0)) return;
  kernels_.biasUpdate({dz, stage.ld, step.rows, panels, stage.bias.value.data(), stage.bias.slot(0), stage.bias.slot(1),
                       step.update});
}

}  // namespace fusor
