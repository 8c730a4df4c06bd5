// A panel of few outputs, most of which would be padding: lanes are inputs here, not outputs. So a Dense with one output takes a
// sixteenth of the instructions, in vectors of sixteen lanes. Sums are made in an order of their own, whatever the tiles and threads:
// on the way forward each lane's, then the lanes', 256 inputs at a time; gradients as in every other panel.
#pragma once
#include "activation.h"
#include "transpose.h"
#include "update.h"

namespace {

constexpr int kThin = kWidth / 4;  // outputs, at most: isThin

// f.template operator()<N>() for a number of outputs.
template <class F>
inline void withThin(int outputs, F f) {
  [&]<int... N>(std::integer_sequence<int, N...>) {
    ((outputs == N + 1 ? f.template operator()<N + 1>() : void()), ...);
  }(std::make_integer_sequence<int, kThin>{});
}

// x[0] becomes the sums of all lanes: in lane i those of x[i].
template <int S = 1>
inline __attribute__((always_inline)) void sumLanes(V* x) {
  if constexpr (S < W) {
    constexpr auto lanes = std::make_integer_sequence<int, W>{};
#pragma GCC unroll 16
    for (int i = 0; i < W; i += 2 * S) x[i] = add(traded<S, false>(x[i], x[i + S], lanes), traded<S, true>(x[i], x[i + S], lanes));
    sumLanes<2 * S>(x);
  }
}

// sums[i] += the products of R rows of a with w, which is zero from `terms` to the next vector on.
template <int R>
inline __attribute__((always_inline)) void dotRows(const float* a, long lda, const float* w, int terms, float* sums) {
  V x[W];
  for (int i = 0; i < W; ++i) x[i] = set1(0.0f);
  int k = 0;
  for (; k + W <= terms; k += W) {
    const V factor = load(w + k);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) x[i] = fma(load(a + i * lda + k), factor, x[i]);
  }
  if (k < terms) {
    const V factor = load(w + k);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) x[i] = fma(loadTail(a + i * lda + k, terms - k), factor, x[i]);
  }
  sumLanes(x);
  if constexpr (R == W) {
    store(sums, add(load(sums), x[0]));
  } else {
    storeTail(sums, add(loadTail(sums, R), x[0]), R);
  }
}

template <Activation A>
inline void forwardThin(const DenseForward& d) {
  constexpr int kTerms = 256, kRows = 256;
  const bool whole = d.ldy >= kWidth;
  const V zero = set1(0.0f), padding = activated<A>(zero);
  alignas(64) float turned[kThin][kTerms], sums[kThin][kRows];
  for (int row = d.rows.begin; row < d.rows.end; row += kRows) {
    const int rows = d.rows.end - row < kRows ? d.rows.end - row : kRows;
    const float* const block = d.a + row * d.lda;
    for (int n = 0; n < d.outputs; ++n) std::memset(sums[n], 0, sizeof sums[n]);
    for (int first = 0; first < d.inputs; first += kTerms) {
      const int terms = d.inputs - first < kTerms ? d.inputs - first : kTerms;
      for (int n = 0; n < d.outputs; ++n) {
        for (int k = 0; k < terms; ++k) turned[n][k] = d.w[static_cast<long>(first + k) * kWidth + n];
        for (int k = terms; k % W; ++k) turned[n][k] = 0;
      }
      // A few rows stay in the first-level cache for all outputs.
      const auto dots = [&]<int R>(int r) {
        for (int n = 0; n < d.outputs; ++n) dotRows<R>(block + r * d.lda + first, d.lda, turned[n], terms, sums[n] + r);
      };
      int r = 0;
      for (; r + W <= rows; r += W) dots.template operator()<W>(r);
      for (; r + 4 <= rows && W > 4; r += 4) dots.template operator()<4>(r);
      for (; r < rows; ++r) dots.template operator()<1>(r);
    }
    for (int r = 0; r < rows; r += W) {
      V z[W], y[W];
      for (int n = 0; n < W; ++n) {
        z[n] = zero, y[n] = padding;
        if (n >= d.outputs) continue;
        z[n] = d.bias ? add(load(sums[n] + r), set1(d.bias[n])) : load(sums[n] + r);
        y[n] = activated<A>(z[n]);
      }
      transpose(y);
      if (d.z) transpose(z);
      for (int i = 0; i < W && r + i < rows; ++i) {
        const long at = (row + r + i) * d.ldy;
        store(d.y + at, y[i]);
        if (d.z) store(d.z + at, z[i]);
        if (!whole) continue;
        store(d.y + at + W, padding);
        if (d.z) store(d.z + at + W, zero);
      }
    }
  }
}

// Of Q vectors of features, the last perhaps of fewer lanes, from `first` on: their gradients, handed to the optimiser.
template <int N, int Q>
inline void updateThinBlock(const DenseBackward& d, int first, int features, long panel, const float* dz) {
  V sums[Q][N];
  for (auto& of : sums) {
    for (V& sum : of) sum = set1(0.0f);
  }
  const int last = features - (Q - 1) * W;  // lanes of the last vector
  const float* a = d.a + first;
  for (int r = 0; r < d.rows; ++r, a += d.lda, dz += d.lddz) {
    V gradient[N];
    for (int n = 0; n < N; ++n) gradient[n] = set1(dz[n]);
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const V x = q < Q - 1 || last == W ? load(a + q * W) : loadTail(a + q * W, last);
      for (int n = 0; n < N; ++n) sums[q][n] = fma(x, gradient[n], sums[q][n]);
    }
  }
  alignas(64) float rows[W * W];
  for (int q = 0; q < Q; ++q) {
    V x[W];
    for (int n = 0; n < W; ++n) x[n] = n < N ? sums[q][n] : set1(0.0f);
    transpose(x);
    for (int i = 0; i < W; ++i) store(rows + i * W, x[i]);
    const long at = panel + static_cast<long>(first + q * W) * kWidth;
    const int count = q < Q - 1 ? W : last;
    updateRows(d, at, kWidth, rows, count);
    storePadding(d, at, count);
  }
}

// dw of a panel; dz begins with it, as its weights do with `panel`.
template <int N>
inline void updateThin(const DenseBackward& d, fusor::Range features, long panel, const float* dz) {
  constexpr int kMost = 8 / N > 1 ? 8 / N : 2;
  int first = features.begin;
  for (; features.end - first >= kMost * W; first += kMost * W) updateThinBlock<N, kMost>(d, first, kMost * W, panel, dz);
  for (; features.end - first > W; first += 2 * W) {
    updateThinBlock<N, 2>(d, first, features.end - first < 2 * W ? features.end - first : 2 * W, panel, dz);
  }
  if (first < features.end) updateThinBlock<N, 1>(d, first, features.end - first, panel, dz);
}

}  // namespace
