// Passes over a parameter's whole gradient, and its weights. Sums in float64, a chain for each column of a panel: the compiler makes
// vectors of these loops.
#pragma once
#include "kernels.h"
#include "tile.h"
#include "update.h"

namespace {

using fusor::WholeGradient;
using fusor::WholeSums;

// The sum of value(i) over all i.
template <class F>
inline __attribute__((always_inline)) double sumInChains(long n, F value) {
  double chains[kWidth] = {}, sum = 0;
  for (long i = 0; i < n; i += kWidth) {
    for (int j = 0; j < kWidth; ++j) chains[j] += value(i + j);
  }
  for (const double chain : chains) sum += chain;
  return sum;
}

WholeSums wholeGradient(const WholeGradient& d) {
  float* __restrict const g = d.g;
  float* __restrict const accumulator = d.accumulator;
  const float* __restrict const w = d.w;
  const float l1 = d.l1, l2 = d.l2, steps = d.steps;
  WholeSums sums{};
  if (l1 != 0) sums.magnitudes = sumInChains(d.n, [=](long i) -> double { return w[i] < 0 ? -w[i] : w[i]; });
  if (l2 != 0) sums.squares = sumInChains(d.n, [=](long i) { return static_cast<double>(w[i]) * w[i]; });
  if (!g) return sums;
  for (long i = 0; i < d.n && l1 != 0; ++i) g[i] += w[i] > 0 ? l1 : w[i] < 0 ? -l1 : w[i];
  for (long i = 0; i < d.n && l2 != 0; ++i) g[i] += 2 * l2 * w[i];
  for (long i = 0; i < d.n && accumulator; ++i) g[i] += accumulator[i], accumulator[i] = steps == 0 ? g[i] : 0;
  for (long i = 0; i < d.n && accumulator && steps != 0; ++i) g[i] /= steps;
  if (d.normed) sums.norm = sumInChains(d.n, [=](long i) { return static_cast<double>(g[i]) * g[i]; });
  return sums;
}

void columnSquares(const float* w, long rows, double* squares) {
  double sums[kWidth] = {};
  for (long k = 0; k < rows; ++k, w += kWidth) {
    for (int j = 0; j < kWidth; ++j) sums[j] += static_cast<double>(w[j]) * w[j];
  }
  for (int j = 0; j < kWidth; ++j) squares[j] = sums[j];
}

void scaleColumns(float* w, long rows, const float* factors) {
  for (long k = 0; k < rows; ++k, w += kWidth) {
    for (int j = 0; j < kWidth; ++j) w[j] *= factors[j];
  }
}

void update(const fusor::Update& rule, const float* g, float* w, float* slot0, float* slot1, long n) {
  LayerUpdate d{};
  d.w = w, d.slot0 = slot0, d.slot1 = slot1, d.update = rule;
  updateRows(d, 0, W, g, static_cast<int>(n / W));
}

}  // namespace
