#include <algorithm>
#include <chrono>
#include <cmath>

#include "run.h"
#include "zeros.h"

namespace fusor {
namespace {

void openStamps(Stamps& stamps, int members, size_t each) {
  std::vector<std::string> names{"session"};
  for (int i = 1; i < members; ++i) names.push_back("worker " + std::to_string(i));
  stamps.open(names, each);
}

int rowsOf(const Span& span, int64_t s) {
  return static_cast<int>(std::clamp<int64_t>(static_cast<int64_t>(span.order.size()) - s * span.batchSize, 0, span.batchSize));
}

}  // namespace

Range FusedTrainer::share(int count, int member) const {
  const auto at = [&](int m) { return static_cast<int>(static_cast<long>(count) * m / team_.active()); };
  return {at(member), at(member + 1)};
}

void FusedTrainer::run(const Dataset& data, const Span& span, Control& control, Report& report) {
  const int64_t steps = static_cast<int64_t>(span.learningRates.size());
  if (steps == 0) return;
  Run run = runFor(data, span, control, report);
  for (int64_t s = 0; s < steps && !run.stop;) {
    const int64_t end = std::min<int64_t>(steps, s + pace_.steps());
    const auto start = std::chrono::steady_clock::now();
    team_.run(pace_.members(), [&](int me) {
      for (int64_t i = s; i < end && oneStep(run, data, span, i, me);) ++i;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    pace_.measured(static_cast<int>(end - s), took.count());
    s = end;
  }
  if (control.stamps) control.stamps->close([this] { return barrierMicroseconds(); });
  step_ += report.stepsDone;
  report.aborted = report.stepsDone < steps;
  // Zeros that are left out hide a weight that is not finite, from the loss, too.
  constexpr int64_t kLookEvery = 16;  // a look takes some third of a small step
  unseen_ += report.stepsDone;
  if (unseen_ < kLookEvery) return;
  unseen_ = 0;
  report.finite = weightsAreFinite();
}

// All memory is taken here: nothing may throw while the team works.
FusedTrainer::Run FusedTrainer::runFor(const Dataset& data, const Span& span, Control& control, Report& report) {
  const size_t steps = span.learningRates.size(), metrics = plan_.metrics.size();
  const int batchRows = static_cast<int>(std::min<int64_t>(span.batchSize, static_cast<int64_t>(span.order.size())));
  Run run{control, report};
  run.blockRows = blockRows(span.batchSize);
  run.blocks = static_cast<int>((int64_t{batchRows} + run.blockRows - 1) / run.blockRows);
  run.summed = needsAll_ || run.blockRows < span.batchSize;
  const int capacity = std::min(batchRows, run.blockRows);
  if (!training_ || training_->rows < capacity) training_ = valuesFor(capacity, true);
  for (const Whole& whole : wholes_) {
    Packed& p = whole.parameter;
    if (run.summed && p.gradient.size() == 0) p.gradient = Floats(p.value.size());
  }
  restNormalizations();
  run.input = inputOf(data);
  run.ahead = run.input == Input::Sparse && !run.summed && goesAhead(span.batchSize);
  input_.store(run.input, std::memory_order_relaxed);
  for (Floats& x : x_) {
    if (const size_t floats = capacity * xStride_; run.input == Input::Floats && x.size() < floats) x = Floats(floats);
    run.batches.push_back(batchFor(data, capacity, x.data()));
  }
  for (int i = 0; i < team_.size(); ++i) {
    run.sources.push_back(sourceFor(capacity, span.batchSize, run.input, true));
    run.sources.back().bytes = takesBytes_ && !data.bytes.empty();
  }
  run.waits = run.summed || run.input == Input::Floats || stages_.size() != 2 || !byInputs(1) || lowest_ > 0 || normalizes_;
  run.losses.resize(batchRows);
  run.metrics.resize(batchRows * metrics);
  run.metricSums.resize(metrics);
  run.means.resize(metrics);
  report.losses.reserve(steps);
  report.metrics.resize(metrics);
  for (auto& metric : report.metrics) metric.reserve(steps);
  if (control.stamps) {
    size_t each = 8 + 8 * stages_.size() + (run.ahead ? stages_[0].panels : 0);
    for (const DenseStage& stage : stages_) each += 4 * std::ranges::count_if(stage.after, &After::takesColumns);
    openStamps(*control.stamps, team_.size(), steps * each * run.blocks);
  }
  return run;
}

bool FusedTrainer::oneStep(Run& run, const Dataset& data, const Span& span, int64_t s, int me) {
  for (int first = 0; first < rowsOf(span, s); first += run.blockRows) {
    if (!oneBlock(run, data, span, s, first, me)) return false;
  }
  return true;
}

bool FusedTrainer::oneBlock(Run& run, const Dataset& data, const Span& span, int64_t s, int inBatch, int me) {
  const int batchRows = rowsOf(span, s), blockRows = std::min(batchRows - inBatch, run.blockRows);
  const int64_t first = s * span.batchSize + inBatch, next = first + blockRows, rows = static_cast<int64_t>(span.order.size());
  Stamps* const stamps = run.control.stamps;
  Source& source = run.sources[me];
  const int64_t number = step_ + s, every = plan_.optimizer.accumulate;
  const Step step{span.firstStep + s, inBatch, blockRows, batchRows, run.batches[(s * run.blocks + inBatch / run.blockRows) & 1],
                  source, updateOf(plan_.optimizer, span.learningRates[s], number / every), (number + 1) % every == 0, run.summed,
                  run.ahead, run.ahead && s > 0, stamps};
  if (stamps) stamps->tracks[me].step = static_cast<int32_t>(s);
  {
    const Timed timed(stamps, me, Phase::Gather);
    gather(data, span.order.data(), first, share(step.rows, me), run.input == Input::Floats, step.batch, &step);
    const int coming = std::min(run.blockRows, step.ends() ? rowsOf(span, s + 1) : batchRows - inBatch - blockRows);
    if (run.input == Input::Floats) {
      if (fitsAhead(data, share(coming, me).size())) prefetch(data, span.order.data() + std::min(next, rows), share(coming, me));
    } else {
      // Every member reads every row.
      point(data, span.order.data(), first, step.rows, source.rows);
      source.coming.resize(coming);
      point(data, span.order.data(), next, coming, source.coming);
    }
    if (me == 0) {
      const bool diverged = !run.report.losses.empty() && !std::isfinite(run.report.losses.back());
      run.stop = diverged || run.control.abort.load(std::memory_order_relaxed);
    }
  }
  if (run.waits) meet(step, me);
  forward(run, step, me);
  if (run.stop) return false;
  meet(step, me);
  if (me == 0 && !step.summed) record(run, step, 0);
  backward(step, me);
  if (step.ends() && step.summed) settle(run, step, me);
  return true;
}

bool FusedTrainer::weightsAreFinite() {
  std::atomic<bool> finite{true};
  team_.run(team_.size(), [&](int me) {
    for (const DenseStage& stage : stages_) {
      for (const Floats* weights : {&stage.kernel.value, &stage.bias.value}) {
        const int64_t count = static_cast<int64_t>(weights->size()), begin = count * me / team_.size(), end = count * (me + 1) / team_.size();
        if (!allFinite(weights->data() + begin, end - begin)) finite.store(false, std::memory_order_relaxed);
      }
    }
  });
  return finite.load(std::memory_order_relaxed);
}

void FusedTrainer::meet(const Step& step, int me) {
  if (team_.active() == 1) return;
  const Timed timed(step.stamps, me, Phase::Wait);
  team_.barrier();
}

// Of a barrier at which nobody is late.
double FusedTrainer::barrierMicroseconds() {
  constexpr int kTimes = 200;
  const double began = microseconds();
  team_.run(team_.active(), [&](int) {
    for (int i = 0; i < kTimes; ++i) team_.barrier();
  });
  return (microseconds() - began) / kTimes;
}

// Forward, and the loss.
void FusedTrainer::forward(Run& run, const Step& step, int me) {
  const Range own = share(step.rows, me);
  if (team_.active() == 1 || (byRows_ && !normalizes_)) {
    forwardRows(step, own, me);
    return loss(run, step, own, me);
  }
  for (size_t l = 0; l < stages_.size(); ++l) {
    const DenseStage& stage = stages_[l];
    if (l > 0 && !byInputs(l)) meet(step, me);
    const Timed timed(step.stamps, me, Phase::Forward, stage.layer);
    lookAt(l, *training_, step.batch, step.source, {0, step.rows});
    timed.density(computed(step.source.density[l]));
    if (stage.inParts) {
      const bool split = byInputs(l);
      split ? multiplyParts(l, share(stages_[l - 1].panels, me), {0, step.rows}) : multiplyParts(l, own);
      if (split) meet(step, me);
      addParts(l, own);
    } else if (stage.byColumns) {
      if (l > 0 || !step.made) forwardDense(l, *training_, step.batch, step.source, {0, step.rows}, share(stage.panels, me));
      if (!stage.after.empty()) meet(step, me);
    } else {
      forwardDense(l, *training_, step.batch, step.source, own, {0, stage.panels});
    }
    forwardAfter(l, step, own, me);
  }
  // Logits that were computed by columns are read by rows.
  if (!stages_.empty() && stages_.back().endsByColumns()) meet(step, me);
  loss(run, step, own, me);
}

// The layers after a Dense, whose values are there: this member's rows, or columns of those that need all rows.
void FusedTrainer::forwardAfter(size_t l, const Step& step, Range rows, int me) {
  DenseStage& stage = stages_[l];
  StageValues& values = training_->stages[l];
  Share made = stage.byColumns && !stage.inParts ? Share::All : Share::Rows;
  for (size_t i = 0; i < stage.after.size(); ++i) {
    const Share next = stage.after[i].takesColumns() ? Share::Columns : Share::Rows;
    if (made != Share::All && made != next) meet(step, me);
    if (next == Share::Columns) {
      normalize(stage, values, i, {0, step.rows}, share(stage.panels, me));
    } else {
      forwardAfter(stage, values, i, rows, &step);
    }
    made = next;
  }
}

// Some rows, by one member, through the whole network.
void FusedTrainer::forwardRows(const Step& step, Range rows, int me) {
  for (size_t l = 0; l < stages_.size(); ++l) {
    const DenseStage& stage = stages_[l];
    const Timed timed(step.stamps, me, Phase::Forward, stage.layer);
    lookAt(l, *training_, step.batch, step.source, rows);
    timed.density(computed(step.source.density[l]));
    if (stage.inParts) {
      multiplyParts(l, rows);
      addParts(l, rows);
    } else if (l > 0 || !step.made) {
      forwardDense(l, *training_, step.batch, step.source, rows, {0, stage.panels});
    }
    forwardAfter(l, step, rows, me);
  }
}

// Whether a member computes the parts of the inputs that it has just computed itself.
bool FusedTrainer::byInputs(size_t l) const {
  return stages_[l].inParts && stages_[l - 1].byColumns && stages_[l - 1].after.empty();
}

void FusedTrainer::multiplyParts(size_t l, Range rows) {
  multiplyParts(l, {0, panelsOf(stages_[l].inputs, kernels_.width)}, rows);
}

void FusedTrainer::multiplyParts(size_t l, Range parts, Range rows) {
  const DenseStage &stage = stages_[l], &before = stages_[l - 1];
  StageValues& to = training_->stages[l];
  const int width = kernels_.width;
  const long stride = training_->rows * stage.ld;
  for (int p = parts.begin; p < parts.end; ++p) {
    const int first = p * width;
    kernels_.denseForward({training_->stages[l - 1].out() + first, before.ld,
                           stage.kernel.value.data() + static_cast<long>(first) * width, nullptr, to.parts.data() + p * stride,
                           nullptr, stage.ld, std::min(width, stage.inputs - first), stage.outputs, Activation::Linear, rows, {0, 1},
                           isThin(stage.outputs, width, width), false, nullptr});
  }
}

void FusedTrainer::addParts(size_t l, Range rows) {
  const DenseStage& stage = stages_[l];
  StageValues& to = training_->stages[l];
  kernels_.addParts({to.parts.data(), panelsOf(stage.inputs, kernels_.width), training_->rows * stage.ld,
                     stage.useBias ? stage.bias.value.data() : nullptr, to.y.data(), to.z.size() ? to.z.data() : nullptr, stage.ld,
                     stage.outputs, stage.activation, rows});
}

void FusedTrainer::loss(Run& run, const Step& step, Range rows, int me) {
  const Timed timed(step.stamps, me, Phase::Loss);
  StageValues* last = stages_.empty() ? nullptr : &training_->stages.back();
  lossRows(plan_, kernels_,
           {last ? last->out() : step.batch.x, last ? last->dz.data() : nullptr, logitStride(), step.batch.targets(),
            step.batch.rowWeights(), step.batchRows, run.losses.data() + step.first,
            run.metrics.data() + step.first * plan_.metrics.size(), rows, step.source.scratch.data()});
}

void FusedTrainer::record(Run& run, const Step& step, double penalty) {
  const Timed timed(step.stamps, 0, Phase::Record);
  const size_t count = plan_.metrics.size();
  double loss = 0;
  for (int r = 0; r < step.batchRows; ++r) loss += run.losses[r];
  loss += penalty * step.batchRows;
  run.report.losses.push_back(static_cast<float>(loss / step.batchRows));
  run.lossSum += loss;
  for (size_t m = 0; m < count; ++m) {
    double metric = 0;
    for (int r = 0; r < step.batchRows; ++r) metric += run.metrics[r * count + m];
    run.report.metrics[m].push_back(static_cast<float>(metric / step.batchRows));
    run.metricSums[m] += metric;
  }
  run.rowsDone += step.batchRows;
  ++run.report.stepsDone;
  if (!run.control.progress || !run.control.wantsProgress()) return;
  const double done = static_cast<double>(run.rowsDone);
  for (size_t m = 0; m < count; ++m) run.means[m] = run.metricSums[m] / done;
  run.control.progress(run.report.stepsDone, run.lossSum / done, run.means);
}

}  // namespace fusor
