// The register tile that all three products of a Dense layer are made of: R rows by one panel (two vectors), summed
// over k in ascending order with one accumulator an element. So a result does not depend on how rows or panels are cut
// into tiles or shared out among threads.
#pragma once
#include <utility>

namespace {

constexpr int kWidth = 2 * W;

// N: vectors of the panel; 1 where the second would be padding.
template <int R, int N = 2>
struct Tile {
  V x[R][N];
};

// acc[i] += sum_k a[i * rowStride + k * stepStride] * b[k * bStride + (0 … N W)]
template <int R, int N>
inline __attribute__((always_inline)) void accumulate(Tile<R, N>& acc, const float* a, long rowStride, long stepStride,
                                                      const float* b, long bStride, int steps) {
  for (int k = 0; k < steps; ++k) {
    V columns[N];
    for (int n = 0; n < N; ++n) columns[n] = load(b + n * W);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const V v = set1(a[i * rowStride]);
      for (int n = 0; n < N; ++n) acc.x[i][n] = fma(v, columns[n], acc.x[i][n]);
    }
    a += stepStride;
    b += bStride;
  }
}

template <int R, class F>
inline void tileOf(int rows, F& f, int at) {
  if constexpr (R > 1) {
    if (rows < R) return tileOf<R - 1>(rows, f, at);
  }
  f.template operator()<R>(at);
}

// Cuts [begin, end) into tiles of nearly equal size, at most kTileRows each: f<R>(first row).
template <class F>
inline void forTiles(int begin, int end, F f) {
  const int rows = end - begin;
  if (rows <= 0) return;
  const int tiles = (rows + kTileRows - 1) / kTileRows;
  for (int t = 0; t < tiles; ++t) {
    const int from = begin + static_cast<int>(static_cast<long>(rows) * t / tiles);
    const int to = begin + static_cast<int>(static_cast<long>(rows) * (t + 1) / tiles);
    tileOf<kTileRows>(to - from, f, from);
  }
}

}  // namespace
