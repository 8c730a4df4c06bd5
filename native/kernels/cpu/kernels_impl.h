// The kernels of kernels.h, written once over the vector type of the simd_*.h file included before this one.
#pragma once
#include "activation.h"
#include "dropout.h"
#include "kernels.h"
#include "normalize.h"
#include "sparse_backward.h"
#include "thin.h"
#include "tile.h"
#include "transpose.h"
#include "update.h"
#include "whole.h"

namespace {

using fusor::DenseBackward;
using fusor::DenseForward;
using fusor::Kernels;
using fusor::PartialSums;

template <Activation A, int N>
inline void forwardPanel(const DenseForward& d, long column) {
  const float* w = d.w + column * d.inputs;
  const int vectors = N == 2 || d.ldy >= column + kWidth ? 2 : 1;
  V bias[2];
  for (int n = 0; n < 2; ++n) bias[n] = d.bias ? load(d.bias + column + n * W) : set1(0.0f);
  forTiles(d.rows.begin, d.rows.end, [&]<int R>(int row) {
    Tile<R, N> acc;
    for (int i = 0; i < R; ++i) {
      for (int n = 0; n < N; ++n) acc.x[i][n] = bias[n];
    }
    accumulate(acc, d.a + row * d.lda, d.lda, 1, w, kWidth, d.inputs);
    for (int i = 0; i < R; ++i) {
      for (int n = 0; n < vectors; ++n) {
        const long at = (row + i) * d.ldy + column + n * W;
        const V z = n < N ? acc.x[i][n] : bias[n];
        if (d.z) store(d.z + at, z);
        store(d.y + at, activated<A>(z));
      }
    }
  });
}

void denseForward(const DenseForward& d) {
  if (d.sparse) return sparseForward(d);
  withActivation(d.activation, [&]<Activation A>() {
    if (d.thin) return forwardThin<A>(d);
    for (int p = d.panels.begin; p < d.panels.end; ++p) {
      const long column = static_cast<long>(p) * kWidth;
      d.outputs - column > W ? forwardPanel<A, 2>(d, column) : forwardPanel<A, 1>(d, column);
    }
  });
}

void addParts(const PartialSums& d) {
  withActivation(d.activation, [&]<Activation A>() {
    for (int r = d.rows.begin; r < d.rows.end; ++r) {
      for (int i = 0; i < d.outputs; i += W) {
        const float* part = d.parts + r * d.ldy + i;
        V z = load(part);
        for (int p = 1; p < d.count; ++p) z = add(z, load(part += d.stride));
        if (d.bias) z = add(z, load(d.bias + i));
        const long at = r * d.ldy + i;
        if (d.z) store(d.z + at, z);
        store(d.y + at, activated<A>(z));
      }
    }
  });
}

// One panel of inputs of w, turned over: out[n][i] = w[first + i, n], zero where there is no such input.
inline void transposePanel(const DenseBackward& d, int first, float* out) {
  const int columns = d.inputs - first < kWidth ? d.inputs - first : kWidth;
  for (int n = 0; n < d.outputs; n += W) {
    const float* from = d.w + static_cast<long>(n / kWidth) * kWidth * d.inputs + static_cast<long>(first) * kWidth + n % kWidth;
    const int rows = d.outputs - n < W ? d.outputs - n : W;
    for (int i = 0; i < kWidth; i += W) {
      V x[W];
#pragma GCC unroll 16
      for (int j = 0; j < W; ++j) x[j] = i + j < columns ? load(from + (i + j) * kWidth) : set1(0.0f);
      transpose(x);
      float* to = out + static_cast<long>(n) * kWidth + i;
      for (int j = 0; j < rows; ++j) store(to + j * kWidth, x[j]);
    }
  }
}

// dx of a row from the products' sums, from a column on.
template <Activation A>
inline void storeGradient(const DenseBackward& d, int row, int column, const V* sums, int count) {
  for (int j = 0; j < count; ++j) {
    const long at = row * d.lddx + column + j * W;
    V gradient = sums[j];
    if constexpr (A != Activation::Linear) {
      gradient = mul(gradient, slope<A>(load(d.h + at), A == Activation::Gelu ? load(d.z + at) : load(d.h + at)));
    }
    store(d.dx + at, gradient);
  }
}

// dx of all features, where dz is mostly zero.
inline void sparseInputGradient(const DenseBackward& d) {
  const FloatRows dz{d.dz, d.lddz};
  const long apart = static_cast<long>(kWidth) * d.outputs;
  float* const turned = d.scratch;
  uint8_t* const scratch = reinterpret_cast<uint8_t*>(turned + kSparsePanels * apart);
  const fusor::Range panels{d.features.begin / kWidth, fusor::panelsOf(d.features.end, kWidth)};
  forSparseRows({0, d.rows}, [&](fusor::Range rows) {
    const SparseRows product(dz, rows, d.outputs, scratch);
    forPanels<product.kPanels>(panels, [&]<int N>(int panel) {
      for (int i = 0; i < N; ++i) transposePanel(d, (panel + i) * kWidth, turned + i * apart);
      withActivation(d.activation, [&]<Activation A>() {
        product.template times<N>(turned, apart, nullptr,
                                  [&](int row, const V* sums) { storeGradient<A>(d, row, panel * kWidth, sums, 2 * N); });
      });
    });
  });
}

// dx for the panel of inputs that begins with `first`, of N vectors; the second is padding where there is one.
template <int N>
inline void inputGradient(const DenseBackward& d, int first) {
  withActivation(d.activation, [&]<Activation A>() {
    forTiles(0, d.rows, [&]<int R>(int row) {
      Tile<R, N> acc;
      for (int i = 0; i < R; ++i) {
        for (int n = 0; n < N; ++n) acc.x[i][n] = set1(0.0f);
      }
      accumulate(acc, d.dz + row * d.lddz, d.lddz, 1, d.scratch, kWidth, d.outputs);
      for (int i = 0; i < R; ++i) {
        storeGradient<A>(d, row + i, first, acc.x[i], N);
        if (N == 1 && d.lddx >= first + kWidth) store(d.dx + (row + i) * d.lddx + first + W, set1(0.0f));
      }
    });
  });
}

inline void inputGradient(const DenseBackward& d, int first) {
  transposePanel(d, first, d.scratch);
  d.inputs - first > W ? inputGradient<2>(d, first) : inputGradient<1>(d, first);
}

// acc += the products of all rows, while the weights that the gradient is for, and the optimiser's slots, come from far away: a
// few lines at a time, as all at once would wait for each other.
template <int R, int N>
inline __attribute__((always_inline)) void accumulateFetching(Tile<R, N>& acc, const LayerUpdate& d, long at, const float* a, long lda,
                                                              const float* dz, long lddz) {
  constexpr int kLine = 16, kStretch = 16, kFloats = R * kWidth;
  const long times = (d.rows + kStretch - 1) / kStretch, each = (kFloats / kLine + times - 1) / times * kLine;
  long coming = 0;
  for (int r = 0; r < d.rows; r += kStretch) {
    for (const long end = coming + each; coming < end && coming < kFloats; coming += kLine) {
      __builtin_prefetch(d.w + at + coming, 1);
      __builtin_prefetch(d.slot0 + at + coming, 1);
      __builtin_prefetch(d.slot1 + at + coming, 1);
    }
    accumulate(acc, a + r * lda, 1, lda, dz + r * lddz, lddz, d.rows - r < kStretch ? d.rows - r : kStretch);
  }
}

// The products of `features` and N vectors of a panel, handed to the optimiser. a(feature, R) is where a tile of R features has
// its first row, and its stride; `panel` is where the panel's weights begin; Far: too many to be in a cache. The gradients pass
// through a few lines of memory: with them in registers, each optimiser would need each size of tile compiled for it.
template <int N, bool Far, class A>
inline void updatePanel(const DenseBackward& d, fusor::Range features, long panel, A a, const float* dz, long lddz) {
  forTiles(features.begin, features.end, [&]<int R>(int feature) {
    Tile<R, N> acc;
    for (int i = 0; i < R; ++i) {
      for (int n = 0; n < N; ++n) acc.x[i][n] = set1(0.0f);
    }
    const auto [rows, lda] = a(feature, R);
    const long at = panel + static_cast<long>(feature) * kWidth;
    if constexpr (Far) {
      accumulateFetching(acc, d, at, rows, lda, dz, lddz);
    } else {
      accumulate(acc, rows, 1, lda, dz, lddz, d.rows);
    }
    alignas(64) float gradients[R * N * W];
    for (int i = 0; i < R; ++i) {
      for (int n = 0; n < N; ++n) store(gradients + (i * N + n) * W, acc.x[i][n]);
    }
    updateRows(d, at, kWidth / N, gradients, R * N);
    if (N == 1) storePadding(d, at, R);
  });
}

// Of all panels; dz begins with the first of them.
template <bool Far, class A>
inline void updateTiles(const DenseBackward& d, fusor::Range features, fusor::Range panels, A a, const float* dz, long lddz) {
  for (int p = panels.begin; p < panels.end; ++p, dz += kWidth) {
    const long panel = static_cast<long>(p) * kWidth * d.inputs;
    if (const int outputs = d.outputs - p * kWidth; !Far && fusor::isThin(outputs, d.inputs, kWidth)) {
      withThin(outputs, [&]<int N>() { updateThin<N>(d, features, panel, dz); });
    } else if (outputs > W) {
      updatePanel<2, Far>(d, features, panel, a, dz, lddz);
    } else {
      updatePanel<1, Far>(d, features, panel, a, dz, lddz);
    }
  }
}

struct Rows {
  const float* first;
  long stride;
};

// The same from copies that lie in one piece (copiesFactors). Copies of a: tile by tile, so that each reads one stream.
inline void updateCopied(const DenseBackward& d, fusor::Range features) {
  float* const dz = d.scratch;
  float* const a = dz + static_cast<long>(d.rows) * kWidth;
  for (int begin = features.begin; begin < features.end; begin += fusor::kCopiedFeatures) {
    const int end = begin + fusor::kCopiedFeatures;
    const fusor::Range block{begin, end < features.end ? end : features.end};
    forTiles(block.begin, block.end, [&]<int R>(int feature) {
      const float* from = d.a + feature;
      float* to = a + static_cast<long>(feature - begin) * d.rows;
      for (int r = 0; r < d.rows; ++r, from += d.lda, to += R) {
        for (int i = 0; i < R; ++i) to[i] = from[i];
      }
    });
    const auto tile = [&](int feature, int width) { return Rows{a + static_cast<long>(feature - begin) * d.rows, width}; };
    for (int p = d.panels.begin; p < d.panels.end; ++p) {
      const float* from = d.dz + static_cast<long>(p) * kWidth;
      for (int r = 0; r < d.rows; ++r, from += d.lddz) {
        store(dz + r * kWidth, load(from));
        store(dz + r * kWidth + W, load(from + W));
      }
      updateTiles<true>(d, block, {p, p + 1}, tile, dz, kWidth);
    }
  }
}

inline void updateWeights(const DenseBackward& d, fusor::Range features) {
  if (d.sparseDw == DenseBackward::OfA) return sparseUpdate(d, features, d.scratch);
  if (d.sparseDw == DenseBackward::OfDz) return sparseUpdateByOutputs(d, features, d.scratch);
  if (fusor::copiesFactors(d.rows, d.inputs, d.outputs)) return updateCopied(d, features);
  const auto tile = [&](int feature, int) { return Rows{d.a + feature, d.lda}; };
  updateTiles<false>(d, features, d.panels, tile, d.dz + static_cast<long>(d.panels.begin) * kWidth, d.lddz);
}

void denseBackward(const DenseBackward& d) {
  if (d.bias) updateBias(d);
  // The weights of a panel of inputs change as soon as the gradient has gone through them, while they are in the cache.
  const bool alike = !d.sparseDx && !d.sparseDw && !fusor::copiesFactors(d.rows, d.inputs, d.outputs);
  const bool atOnce = d.dx && d.a && alike;
  if (d.dx && d.sparseDx) {
    sparseInputGradient(d);
  } else if (d.dx) {
    for (int first = d.features.begin; first < d.features.end; first += kWidth) {
      inputGradient(d, first);
      if (atOnce) updateWeights(d, {first, first + kWidth < d.features.end ? first + kWidth : d.features.end});
    }
  }
  if (d.a && !atOnce) updateWeights(d, d.features);
}

constexpr Kernels kTable = {
    kName,       kWidth,        denseForward,   denseBackward, activate, softmaxRows, activateBackward, binaryCrossentropy, scaleBytes,
    scaleFloats, dropout,       addParts,       wholeGradient, update,        columnSquares,  scaleColumns,     columnMoments,      normalize,
    normalizeBackward, sparseForward, sparseBackward, nullptr, nullptr, nullptr, nullptr};

}  // namespace
