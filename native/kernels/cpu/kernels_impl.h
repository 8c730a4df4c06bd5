// The kernels of kernels.h, written once over the vector type of the simd_*.h file included before this one.
#pragma once
#include "activation.h"
#include "kernels.h"
#include "sparse.h"
#include "tile.h"
#include "update.h"

namespace {

using fusor::DenseBackward;
using fusor::DenseForward;
using fusor::Kernels;

void denseForward(const DenseForward& d) {
  withActivation(d.activation, [&]<Activation A>() {
    for (int p = d.panels.begin; p < d.panels.end; ++p) {
      const long column = static_cast<long>(p) * kWidth;
      const float* w = d.w + column * d.inputs;
      const V bias0 = d.bias ? load(d.bias + column) : set1(0.0f);
      const V bias1 = d.bias ? load(d.bias + column + W) : set1(0.0f);
      forTiles(d.rows.begin, d.rows.end, [&]<int R>(int row) {
        Tile<R> acc;
        for (int i = 0; i < R; ++i) acc.x[i][0] = bias0, acc.x[i][1] = bias1;
        accumulate(acc, d.a + row * d.lda, d.lda, 1, w, kWidth, d.inputs);
        for (int i = 0; i < R; ++i) {
          const long at = (row + i) * d.ldy + column;
          if (d.z) store(d.z + at, acc.x[i][0]), store(d.z + at + W, acc.x[i][1]);
          store(d.y + at, activated<A>(acc.x[i][0]));
          store(d.y + at + W, activated<A>(acc.x[i][1]));
        }
      });
    }
  });
}

// One panel of inputs of w, turned over: out[n][i] = w[first + i, n], zero where there is no such input.
inline void transposePanel(const DenseBackward& d, int first, float* out) {
  const int columns = d.inputs - first < kWidth ? d.inputs - first : kWidth;
  for (int n = 0; n < d.outputs; ++n) {
    const float* from = d.w + static_cast<long>(n / kWidth) * kWidth * d.inputs + n % kWidth;
    float* to = out + static_cast<long>(n) * kWidth;
    for (int i = 0; i < columns; ++i) to[i] = from[static_cast<long>(first + i) * kWidth];
    for (int i = columns; i < kWidth; ++i) to[i] = 0.0f;
  }
}

// dx for the panel of inputs that begins with `first`.
inline void inputGradient(const DenseBackward& d, int first) {
  transposePanel(d, first, d.scratch);
  withActivation(d.activation, [&]<Activation A>() {
    forTiles(0, d.rows, [&]<int R>(int row) {
      Tile<R> acc;
      for (int i = 0; i < R; ++i) acc.x[i][0] = acc.x[i][1] = set1(0.0f);
      accumulate(acc, d.dz + row * d.lddz, d.lddz, 1, d.scratch, kWidth, d.outputs);
      for (int i = 0; i < R; ++i) {
        for (int j = 0; j < 2; ++j) {
          const long at = (row + i) * d.lddx + first + j * W;
          V gradient = acc.x[i][j];
          if constexpr (A != Activation::Linear) {
            gradient = mul(gradient, slope<A>(load(d.h + at), A == Activation::Gelu ? load(d.z + at) : load(d.h + at)));
          }
          store(d.dx + at, gradient);
        }
      }
    });
  });
}

inline void updateWeights(const DenseBackward& d, fusor::Range features) {
  withUpdate(d.update.kind, [&]<UpdateKind K>() {
    for (int p = d.panels.begin; p < d.panels.end; ++p) {
      const float* dz = d.dz + static_cast<long>(p) * kWidth;
      const long panel = static_cast<long>(p) * kWidth * d.inputs;
      forTiles(features.begin, features.end, [&]<int R>(int feature) {
        Tile<R> acc;
        for (int i = 0; i < R; ++i) acc.x[i][0] = acc.x[i][1] = set1(0.0f);
        accumulate(acc, d.a + feature, 1, d.lda, dz, d.lddz, d.rows);
        const Rule<K> rule(d.update);
        const long at = panel + static_cast<long>(feature) * kWidth;
        float *w = d.w + at, *slot0 = d.slot0 + at, *slot1 = d.slot1 + at;
#pragma GCC unroll 28
        for (int i = 0; i < 2 * R; ++i) rule(acc.x[i / 2][i % 2], w + i * W, slot0 + i * W, slot1 + i * W);
      });
    }
  });
}

void denseBackward(const DenseBackward& d) {
  if (d.bias) updateBias(d);
  if (!d.dx) {
    if (d.a) updateWeights(d, d.features);
    return;
  }
  // The weights of a panel of inputs change as soon as the gradient has gone through them, while they are in the cache.
  for (int first = d.features.begin; first < d.features.end; first += kWidth) {
    inputGradient(d, first);
    if (d.a) updateWeights(d, {first, first + kWidth < d.features.end ? first + kWidth : d.features.end});
  }
}

constexpr Kernels kTable = {kName,            kWidth,     denseForward, denseBackward, activate,      softmax,
                            activateBackward, scaleBytes, scaleFloats,  sparseForward, sparseBackward};

}  // namespace
