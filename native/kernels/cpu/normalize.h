// Batch normalisation of a panel of columns, all rows of a batch at a time: sums in float64, in the order of the rows. The compiler makes
// vectors of these loops.
#pragma once
#include <cmath>

#include "kernels.h"
#include "tile.h"

namespace {

using fusor::MovingAverages;
using fusor::NormalizedColumns;

// f(row, column) for all, with the number of columns known to the compiler where it is that of a panel.
template <class F>
inline __attribute__((always_inline)) void eachValue(int rows, int columns, F f) {
  if (columns == kWidth) {
    for (int r = 0; r < rows; ++r) {
      for (int j = 0; j < kWidth; ++j) f(r, j);
    }
    return;
  }
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < columns; ++j) f(r, j);
  }
}

// sums[j] = the sum of value(row, j).
template <class F>
inline __attribute__((always_inline)) void columnSums(int rows, int columns, double* sums, F value) {
  double own[kWidth] = {};
  eachValue(rows, columns, [&](int r, int j) { own[j] += value(r, j); });
  for (int j = 0; j < columns; ++j) sums[j] = own[j];
}

void columnMoments(const NormalizedColumns& d, const MovingAverages& moving, float* meanOf, float* inverseOf) {
  const float* __restrict const x = d.x;
  const long ld = d.ld;
  double mean[kWidth], squares[kWidth];
  columnSums(d.rows, d.columns, mean, [=](int r, int j) -> double { return x[r * ld + j]; });
  for (int j = 0; j < d.columns; ++j) mean[j] /= d.rows;
  columnSums(d.rows, d.columns, squares, [&](int r, int j) {
    const double difference = x[r * ld + j] - mean[j];
    return difference * difference;
  });
  const auto blend = [&](float& of, double with) {
    of = static_cast<float>(of * moving.momentum + with * (1 - moving.momentum));
  };
  for (int j = 0; j < d.columns; ++j) {
    const double variance = squares[j] / d.rows;
    meanOf[j] = static_cast<float>(mean[j]);
    inverseOf[j] = static_cast<float>(1 / std::sqrt(variance + moving.epsilon));
    blend(moving.mean[j], mean[j]);
    blend(moving.variance[j], variance);
  }
}

void normalize(const NormalizedColumns& d) {
  float factor[kWidth], mean[kWidth], beta[kWidth];
  for (int j = 0; j < d.columns; ++j) {
    mean[j] = d.mean[j];
    factor[j] = d.gamma ? d.inverse[j] * d.gamma[j] : d.inverse[j];
    beta[j] = d.beta ? d.beta[j] : 0;
  }
  const float* __restrict const x = d.x;
  float* __restrict const y = d.y;
  const long ld = d.ld;
  eachValue(d.rows, d.columns, [&](int r, int j) { y[r * ld + j] = (x[r * ld + j] - mean[j]) * factor[j] + beta[j]; });
}

// With n = (x - mean) inverse: dx = gamma inverse (dy - mean(dy) - n mean(dy n)); without the means where mean and inverse are not the
// batch's, and there is no gradient of gamma and beta then.
void normalizeBackward(const NormalizedColumns& d, bool ofBatch, float* gammaGradient, float* betaGradient) {
  float factor[kWidth], mean[kWidth], inverse[kWidth], meanDy[kWidth], meanDyN[kWidth];
  for (int j = 0; j < d.columns; ++j) {
    mean[j] = d.mean[j], inverse[j] = d.inverse[j];
    factor[j] = d.gamma ? d.inverse[j] * d.gamma[j] : d.inverse[j];
  }
  const float* __restrict const x = d.x;
  float* __restrict const dy = d.y;
  const long ld = d.ld;
  if (!ofBatch) {
    eachValue(d.rows, d.columns, [&](int r, int j) { dy[r * ld + j] *= factor[j]; });
    return;
  }
  double beta[kWidth], gamma[kWidth];
  columnSums(d.rows, d.columns, beta, [=](int r, int j) -> double { return dy[r * ld + j]; });
  columnSums(d.rows, d.columns, gamma, [&](int r, int j) -> double { return dy[r * ld + j] * ((x[r * ld + j] - mean[j]) * inverse[j]); });
  for (int j = 0; j < d.columns; ++j) {
    betaGradient[j] = static_cast<float>(beta[j]), gammaGradient[j] = static_cast<float>(gamma[j]);
    meanDy[j] = static_cast<float>(beta[j] / d.rows), meanDyN[j] = static_cast<float>(gamma[j] / d.rows);
  }
  eachValue(d.rows, d.columns, [&](int r, int j) {
    const float n = (x[r * ld + j] - mean[j]) * inverse[j];
    dy[r * ld + j] = factor[j] * (dy[r * ld + j] - meanDy[j] - n * meanDyN[j]);
  });
}

}  // namespace
