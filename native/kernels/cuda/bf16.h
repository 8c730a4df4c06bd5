// float32 as sums of bfloat16, which tensor cores multiply exactly.
#pragma once
#include "platform.h"

namespace fusor::cuda {

using Bf16 = unsigned short;  // the upper half of a float32

// A pair of float32 cut into N pairs of bfloat16, whose sum they are: exactly, where there are three.
template <int N>
DEVICE void cut(float a, float b, unsigned (&parts)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const unsigned high = __float_as_uint(a) & 0xffff0000u, other = __float_as_uint(b) & 0xffff0000u;
    parts[i] = high >> 16 | other;
    a -= __uint_as_float(high);
    b -= __uint_as_float(other);
  }
}

}  // namespace fusor::cuda
