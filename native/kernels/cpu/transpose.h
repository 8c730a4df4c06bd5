// W vectors turned over: rows for columns.
#pragma once
#include <utility>

namespace {

// One of two vectors that trade lanes: those with the bit S of the first for those without it of the second.
template <int S, bool Second, int... L>
inline V traded(V a, V b, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(a, b, (Second ? (L & S ? W + L : L + S) : (L & S ? W + L - S : L))...);
}

// x[i][j] for x[j][i]: squares of 1, 2, 4, … lanes change places across the diagonal of a square twice as wide.
template <int S = 1>
inline __attribute__((always_inline)) void transpose(V* x) {
  if constexpr (S < W) {
    constexpr auto lanes = std::make_integer_sequence<int, W>{};
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) {
      if (i & S) continue;
      const V a = x[i], b = x[i + S];
      x[i] = traded<S, false>(a, b, lanes), x[i + S] = traded<S, true>(a, b, lanes);
    }
    transpose<2 * S>(x);
  }
}

}  // namespace
