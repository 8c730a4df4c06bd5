// A factor's features turned over: from row by row to feature by feature, with the masks of what is not zero.
#pragma once
#include "sparse.h"
#include "transpose.h"

namespace {

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

// 16 features of 16 rows turned over: to[f * stride + r] = rows[r][f]. Four rounds of interleaving the two halves.
inline void turnOver16(const ByteRows& x, int row, int feature, uint8_t* to, long stride) {
  Bytes16 a[16], b[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&a[i], x.row(row + i) + feature, 16);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::memcpy(a, b, sizeof a);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * stride, &a[i], 16);
}

inline void turnOver16(const FloatRows& x, int row, int feature, float* to, long stride) {
  for (int r = 0; r < 16; r += W) {
    for (int f = 0; f < 16; f += W) {
      V square[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) square[i] = load(x.row(row + r + i) + feature + f);
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) store(to + (f + i) * stride + r, square[i]);
    }
  }
}

// Some features of all rows, in words of 64 rows; zero beyond the last row, where it has to be so beforehand.
template <class X>
struct Turned {
  using E = typename X::Element;
  X x;
  int first, count;
  long words;       // a feature
  E* elements;      // [count][64 words]
  uint64_t* masks;  // [count][words]

  // A group of 16 of them, or less at the end.
  void fill(int from, int rows) const {
    const long padded = 64 * words;
    const int features = fewer(count - from, 16);
    E* const to = elements + from * padded;
    int r = 0;
    if (features == 16) {
      for (; r + 16 <= rows; r += 16) turnOver16(x, r, first + from, to + r, padded);
    }
    for (; r < rows; ++r) {
      for (int f = 0; f < features; ++f) to[f * padded + r] = x.row(r)[first + from + f];
    }
    masksOf(to, features * words, masks + from * words);
  }
};

// f(turned, rest): `most` features at a time, turned over at the beginning of scratch; rest: behind them. between() comes after each
// group of 16.
template <class X, class F, class Between>
inline void forTurned(const X& x, fusor::Range features, int most, int rows, void* scratch, F f, Between between) {
  using E = typename X::Element;
  const long words = (rows + 63) / 64, padded = 64 * words;
  auto* const masks = static_cast<uint64_t*>(scratch);
  E* const elements = reinterpret_cast<E*>(masks + most * words);
  for (int i = 0; i < most; ++i) std::memset(elements + i * padded + rows, 0, (padded - rows) * sizeof(E));
  for (int first = features.begin; first < features.end; first += most) {
    const Turned<X> turned{x, first, fewer(features.end - first, most), words, elements, masks};
    for (int i = 0; i < turned.count; i += 16) {
      turned.fill(i, rows);
      between();
    }
    f(turned, reinterpret_cast<float*>(elements + most * padded));
  }
}

}  // namespace
