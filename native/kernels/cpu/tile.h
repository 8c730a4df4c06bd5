// The register tile that all three products of a Dense layer are made of: R rows by one panel (two vectors), summed
// over k in ascending order with one accumulator an element. So a result does not depend on how rows or panels are cut
// into tiles or shared out among threads.
#pragma once
#include <utility>

namespace {

constexpr int kWidth = 2 * W;

template <int R>
struct Tile {
  V x[R][2];
};

// acc[i] += sum_k a[i * rowStride + k * stepStride] * b[k * bStride + (0 … kWidth)]
template <int R>
inline __attribute__((always_inline)) void accumulate(Tile<R>& acc, const float* a, long rowStride, long stepStride,
                                                      const float* b, long bStride, int steps) {
  for (int k = 0; k < steps; ++k) {
    const V b0 = load(b), b1 = load(b + W);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const V v = set1(a[i * rowStride]);
      acc.x[i][0] = fma(v, b0, acc.x[i][0]);
      acc.x[i][1] = fma(v, b1, acc.x[i][1]);
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
