// The baseline: four lanes of the compiler's own vector type, which every target has in some form (SSE2, NEON, or four
// scalars). This is also the definition of what the other simd_*.h files provide. Everything is in an unnamed namespace:
// the files are compiled with different flags, and a function that the linker could share between them would crash the
// older processor.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

typedef float V __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));
constexpr int W = 4;          // lanes
constexpr int kTileRows = 6;  // rows of a register tile, two vectors wide: 12 accumulators of 16 registers
constexpr int kGroup = 1;     // bytes of neighbouring features whose sums are in registers together (groups.h)
constexpr int kHeld = 0;      // how many pairs of vectors hold() is for
constexpr bool kFused = false;  // whether fma() rounds once
constexpr const char* kName = "scalar";

inline V load(const float* p) {
  V x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
inline void store(float* p, V x) { std::memcpy(p, &x, sizeof x); }
// Nothing, or: keeps x in a register. By itself the compiler reads what it loaded once more where it is used again.
inline void hold(V&) {}
inline V set1(float x) { return V{x, x, x, x}; }
inline V add(V a, V b) { return a + b; }
inline V sub(V a, V b) { return a - b; }
inline V mul(V a, V b) { return a * b; }
inline V div(V a, V b) { return a / b; }
inline V sqrt(V a) { return V{std::sqrt(a[0]), std::sqrt(a[1]), std::sqrt(a[2]), std::sqrt(a[3])}; }
inline V fma(V a, V b, V c) { return a * b + c; }   // fused where the hardware can
inline V fnma(V a, V b, V c) { return c - a * b; }  // c - a b
inline Mask greater(V a, V b) { return a > b; }     // false where either is NaN
inline uint32_t nonZeros(V x) {  // bit i: lane i is not 0
  return (x[0] != 0) | (x[1] != 0) << 1 | (x[2] != 0) << 2 | (x[3] != 0) << 3;
}
inline V select(Mask m, V a, V b) { return m ? a : b; }
inline V maxKeepNan(V bound, V x) { return x < bound ? bound : x; }  // NaN in x stays
inline V minKeepNan(V bound, V x) { return x > bound ? bound : x; }
inline V round(V x) {  // to the nearest even; for |x| < 2^22
  const V magic = set1(12582912.0f);
  return x + magic - magic;
}
inline V scale2(V x, V n) {  // x 2^n for whole n in [-126, 127]
  V power;
  const Mask bits = (__builtin_convertvector(n, Mask) + 127) << 23;
  std::memcpy(&power, &bits, sizeof power);
  return x * power;
}
inline float sum(V x) { return (x[0] + x[2]) + (x[1] + x[3]); }
inline V loadBytes(const uint8_t* p) {
  return V{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), static_cast<float>(p[3])};
}

}  // namespace

#include "simd_portable.h"
#include "simd_exact.h"
