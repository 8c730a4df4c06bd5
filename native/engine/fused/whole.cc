// Passes over whole gradients and weights: the optimiser's, where gradients were summed in memory; before it, what has to know all
// of them (penalties in the loss, sums of several steps, the norm that they are clipped by); after it, limits of columns' norms.
#include <algorithm>
#include <cmath>

#include "run.h"

namespace fusor {
namespace {

// Values that are summed apart from others, and added up in their order: so a sum does not depend on who makes it.
constexpr long kChunk = 4096;

long chunksOf(const Whole& whole) { return (static_cast<long>(whole.parameter.value.size()) + kChunk - 1) / kChunk; }

float limitFactor(double squares, double maxNorm) {
  const double norm = std::sqrt(squares);
  return static_cast<float>(std::min(norm, maxNorm) / (norm + 1e-7));
}

}  // namespace

void FusedTrainer::listWholes() {
  needsAll_ = holdsGradients(plan_) || limitsNorms(plan_);
  long chunks = 0;
  const auto add = [&](Packed& parameter, const Restraint& restraint, int rows, int panels, bool isBias) {
    wholes_.push_back({parameter, restraint, rows, panels, isBias});
    chunks += chunksOf(wholes_.back());
  };
  for (DenseStage& stage : stages_) {
    const Layer& dense = plan_.layers[stage.layer];
    if (stage.trainable) add(stage.kernel, dense.kernel, stage.inputs, stage.panels, false);
    if (stage.trainable && stage.useBias) add(stage.bias, dense.bias, 1, stage.panels, true);
    static constexpr Restraint kNone;
    for (auto& [layer, normalization] : stage.after) {
      if (!normalization || !layer.trainable) continue;
      if (layer.hasGamma) add(normalization->gamma, kNone, 1, stage.panels, true);
      if (layer.hasBeta) add(normalization->beta, kNone, 1, stage.panels, true);
    }
  }
  sums_.resize(chunks);
}

// f(whole, first value, values, chunk) of some chunks of all parameters.
template <class F>
void FusedTrainer::eachChunk(Range chunks, F f) const {
  int chunk = 0;
  for (const Whole& whole : wholes_) {
    const long size = static_cast<long>(whole.parameter.value.size());
    for (long at = 0; at < size; at += kChunk, ++chunk) {
      if (chunk >= chunks.begin && chunk < chunks.end) f(whole, at, std::min(kChunk, size - at), chunk);
    }
  }
}

// From the gradients that the way back has left to new weights. Ends without a barrier: the next step begins with one.
void FusedTrainer::settle(Run& run, const Step& step, int me) {
  meet(step, me);
  const Timed timed(step.stamps, me, Phase::Update);
  const Optimizer& optimizer = plan_.optimizer;
  const int count = static_cast<int>(sums_.size());
  const Range all{0, count}, own = share(count, me);
  double norm = 0, penalty = 0;
  if (needsAll_) {
    eachChunk(own, [&](const Whole& whole, long at, long n, int chunk) {
      Packed& p = whole.parameter;
      float* const accumulator = optimizer.accumulate > 1 ? p.slot(optimizer.slots - 1) + at : nullptr;
      const float steps = step.updates ? static_cast<float>(optimizer.accumulate) : 0;
      sums_[chunk] = kernels_.wholeGradient({p.gradient.data() + at, p.value.data() + at, accumulator, n,
                                             static_cast<float>(whole.restraint.l1), static_cast<float>(whole.restraint.l2), steps,
                                             optimizer.clipNorm > 0});
    });
    meet(step, me);
    eachChunk(all, [&](const Whole& whole, long, long, int chunk) {
      norm += sums_[chunk].norm;
      penalty += whole.restraint.l1 * sums_[chunk].magnitudes + whole.restraint.l2 * sums_[chunk].squares;
    });
  }
  if (me == 0) record(run, step, penalty);
  norm = std::sqrt(norm);
  // A norm that is NaN makes all of them so.
  const float factor = optimizer.clipNorm == 0 || norm <= optimizer.clipNorm ? 1 : static_cast<float>(optimizer.clipNorm / norm);
  if (step.updates) {
    eachChunk(own, [&](const Whole& whole, long at, long n, int) {
      Packed& p = whole.parameter;
      float* const gradient = p.gradient.data() + at;
      if (factor != 1) kernels_.scaleFloats(gradient, gradient, n, factor, 0);
      kernels_.update(step.update, gradient, p.value.data() + at, p.slot(0) + at, p.slot(1) + at, n);
    });
  }
  if (std::ranges::any_of(wholes_, [](const Whole& whole) { return whole.restraint.maxNorm > 0; })) {
    meet(step, me);
    constrain(me);
  }
}

// A kernel's columns each, by who has their panel; a bias as a whole, by one member.
void FusedTrainer::constrain(int me) const {
  constexpr int kWidest = 64;
  const int width = kernels_.width;
  double squares[kWidest];
  float factors[kWidest];
  for (const Whole& whole : wholes_) {
    const double maxNorm = whole.restraint.maxNorm;
    float* const w = whole.parameter.value.data();
    if (maxNorm == 0) continue;
    const long panel = static_cast<long>(whole.rows) * width;
    const Range panels = share(whole.panels, me);
    for (int p = panels.begin; p < panels.end && !whole.isBias; ++p) {
      kernels_.columnSquares(w + p * panel, whole.rows, squares);
      for (int j = 0; j < width; ++j) factors[j] = limitFactor(squares[j], maxNorm);
      kernels_.scaleColumns(w + p * panel, whole.rows, factors);
    }
    if (!whole.isBias || me > 0) continue;
    double sum = 0;
    for (int p = 0; p < whole.panels; ++p) {
      kernels_.columnSquares(w + p * width, 1, squares);
      for (int j = 0; j < width; ++j) sum += squares[j];
    }
    const float factor = limitFactor(sum, maxNorm);
    kernels_.scaleFloats(w, w, panel * whole.panels, factor, 0);
  }
}

// What the regularizers add to the loss.
double FusedTrainer::penalty() const {
  double sum = 0;
  eachChunk({0, static_cast<int>(sums_.size())}, [&](const Whole& whole, long at, long n, int) {
    const auto [l1, l2, _] = whole.restraint;
    if (l1 == 0 && l2 == 0) return;
    const WholeSums sums = kernels_.wholeGradient({nullptr, whole.parameter.value.data() + at, nullptr, n, static_cast<float>(l1),
                                                   static_cast<float>(l2), 0, false});
    sum += l1 * sums.magnitudes + l2 * sums.squares;
  });
  return sum;
}

}  // namespace fusor
