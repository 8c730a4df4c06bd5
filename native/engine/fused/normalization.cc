// Batch normalisation after a Dense: in training by columns, for mean and variance are those of all rows; else by rows, as any layer.
#include <algorithm>
#include <cmath>

#include "trainer.h"

namespace fusor {

// Each by its moving averages: where nothing is trained, and in training where it is not.
void FusedTrainer::restNormalizations() {
  for (DenseStage& stage : stages_) {
    for (auto& [layer, normalization] : stage.after) {
      if (!normalization) continue;
      auto& [_, __, movingMean, movingVariance, mean, inverse] = *normalization;
      for (int j = 0; j < stage.outputs; ++j) {
        mean.data()[j] = movingMean.value.data()[j];
        inverse.data()[j] = static_cast<float>(1 / std::sqrt(movingVariance.value.data()[j] + layer.epsilon));
      }
    }
  }
}

// A panel of one; y: where its result is, or that one's gradient.
NormalizedColumns FusedTrainer::columnsOf(const DenseStage& stage, size_t i, const StageValues& values, float* y, Range rows,
                                          int panel) const {
  const auto& [layer, normalization] = stage.after[i];
  const Normalization& of = *normalization;
  const int column = panel * kernels_.width;
  const long at = rows.begin * stage.ld + column;
  return {values.before(i) + at, y + at, stage.ld, rows.size(), std::min(kernels_.width, stage.outputs - column),
          layer.hasGamma ? of.gamma.value.data() + column : nullptr, layer.hasBeta ? of.beta.value.data() + column : nullptr,
          of.mean.data() + column, of.inverse.data() + column};
}

// Some panels of a batch, which leaves its part in the moving averages.
void FusedTrainer::normalize(DenseStage& stage, StageValues& values, size_t i, Range rows, Range panels) {
  auto& [layer, normalization] = stage.after[i];
  auto& [_, __, movingMean, movingVariance, mean, inverse] = *normalization;
  for (int p = panels.begin; p < panels.end; ++p) {
    const int column = p * kernels_.width;
    const NormalizedColumns columns = columnsOf(stage, i, values, values.after[i].data(), rows, p);
    kernels_.columnMoments(columns, {movingMean.value.data() + column, movingVariance.value.data() + column, layer.momentum, layer.epsilon},
                           mean.data() + column, inverse.data() + column);
    kernels_.normalize(columns);
  }
}

// Their way back, in place, and gamma and beta: changed at once, or their gradients in memory where those of all are wanted first.
void FusedTrainer::normalizeBackward(DenseStage& stage, StageValues& values, size_t i, const Step& step, Range panels) {
  constexpr int kWidest = 64;
  const int width = kernels_.width;
  auto& [layer, normalization] = stage.after[i];
  float gamma[kWidest] = {}, beta[kWidest] = {};
  const auto learn = [&](Packed& p, int column, const float* gradient) {
    if (step.summed) {
      std::copy_n(gradient, width, p.gradient.data() + column);
    } else {
      kernels_.update(step.update, gradient, p.value.data() + column, p.slot(0) + column, p.slot(1) + column, width);
    }
  };
  for (int p = panels.begin; p < panels.end; ++p) {
    kernels_.normalizeBackward(columnsOf(stage, i, values, values.dz.data(), {0, step.rows}, p), true, gamma, beta);
    if (layer.hasGamma) learn(normalization->gamma, p * width, gamma);
    if (layer.hasBeta) learn(normalization->beta, p * width, beta);
  }
}

}  // namespace fusor
