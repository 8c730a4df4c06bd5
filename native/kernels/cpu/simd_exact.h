// The square roots and quotients of an optimiser, of N vectors in place, where no estimate is at hand that is faster. Included
// at the end of a simd_*.h file.
#pragma once

namespace {

template <int N>
inline void root(V* x) {
  for (int n = 0; n < N; ++n) x[n] = sqrt(x[n]);
}
template <int N>
inline void quotient(V* a, const V* b) {
  for (int n = 0; n < N; ++n) a[n] = div(a[n], b[n]);
}

}  // namespace
