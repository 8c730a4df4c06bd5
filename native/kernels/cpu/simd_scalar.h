// Plain C++: four lanes in an array, which a compiler turns into whatever the baseline offers. This is also the
// definition of what the other simd_*.h files provide. Everything is in an unnamed namespace: the files are compiled
// with different flags, and a function that the linker could share between them would crash the older processor.
#pragma once
#include <cmath>
#include <cstdint>

namespace {

constexpr int W = 4;          // lanes
constexpr int kTileRows = 6;  // rows of a register tile, two vectors wide
constexpr const char* kName = "scalar";

struct V {
  float x[W];
};
struct Mask {
  bool x[W];
};

#define FUSOR_LANES(expression)            \
  V r;                                     \
  for (int i = 0; i < W; ++i) r.x[i] = (expression); \
  return r

inline V load(const float* p) { FUSOR_LANES(p[i]); }
inline void store(float* p, V a) {
  for (int i = 0; i < W; ++i) p[i] = a.x[i];
}
inline V set1(float a) { FUSOR_LANES(a); }
inline V add(V a, V b) { FUSOR_LANES(a.x[i] + b.x[i]); }
inline V sub(V a, V b) { FUSOR_LANES(a.x[i] - b.x[i]); }
inline V mul(V a, V b) { FUSOR_LANES(a.x[i] * b.x[i]); }
inline V div(V a, V b) { FUSOR_LANES(a.x[i] / b.x[i]); }
inline V sqrt(V a) { FUSOR_LANES(std::sqrt(a.x[i])); }
inline V fma(V a, V b, V c) { FUSOR_LANES(a.x[i] * b.x[i] + c.x[i]); }    // a b + c, fused where the hardware can
inline V fnma(V a, V b, V c) { FUSOR_LANES(c.x[i] - a.x[i] * b.x[i]); }   // c - a b
inline V maxKeepNan(V bound, V a) { FUSOR_LANES(a.x[i] < bound.x[i] ? bound.x[i] : a.x[i]); }  // NaN in a stays
inline V minKeepNan(V bound, V a) { FUSOR_LANES(a.x[i] > bound.x[i] ? bound.x[i] : a.x[i]); }
inline Mask greater(V a, V b) {  // false where either is NaN
  Mask r;
  for (int i = 0; i < W; ++i) r.x[i] = a.x[i] > b.x[i];
  return r;
}
inline V select(Mask m, V a, V b) { FUSOR_LANES(m.x[i] ? a.x[i] : b.x[i]); }
inline V round(V a) { FUSOR_LANES(std::nearbyint(a.x[i])); }
inline V scale2(V a, V n) { FUSOR_LANES(std::ldexp(a.x[i], static_cast<int>(n.x[i]))); }  // a 2^n, n in [-126, 127]
inline float sum(V a) { return (a.x[0] + a.x[2]) + (a.x[1] + a.x[3]); }
inline V loadBytes(const uint8_t* p) { FUSOR_LANES(static_cast<float>(p[i])); }

#undef FUSOR_LANES

}  // namespace
