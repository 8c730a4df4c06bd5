// NEON (aarch64): 4 lanes, 32 registers. See simd_scalar.h for what each function means.
#pragma once
#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace {

using V = float32x4_t;
using Mask = uint32x4_t;
constexpr int W = 4;
constexpr int kTileRows = 12;  // 24 accumulators, 2 of b, 1 of a: 27 of 32 registers
constexpr int kGroup = 1;
constexpr int kHeld = 4;
constexpr bool kFused = true;
constexpr const char* kName = "neon";

inline V load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, V x) { vst1q_f32(p, x); }
inline void hold(V& x) { asm("" : "+w"(x)); }
inline V set1(float x) { return vdupq_n_f32(x); }
inline V add(V a, V b) { return vaddq_f32(a, b); }
inline V sub(V a, V b) { return vsubq_f32(a, b); }
inline V mul(V a, V b) { return vmulq_f32(a, b); }
inline V div(V a, V b) { return vdivq_f32(a, b); }
inline V sqrt(V a) { return vsqrtq_f32(a); }
inline V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
inline V fnma(V a, V b, V c) { return vfmsq_f32(c, a, b); }
inline Mask greater(V a, V b) { return vcgtq_f32(a, b); }
inline uint32_t nonZeros(V x) {
  constexpr uint32_t kBits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vbicq_u32(vld1q_u32(kBits), vceqzq_f32(x)));
}
inline V select(Mask m, V a, V b) { return vbslq_f32(m, a, b); }
inline V maxKeepNan(V bound, V x) { return select(greater(bound, x), bound, x); }  // fmax would turn -0 into 0
inline V minKeepNan(V bound, V x) { return select(greater(x, bound), bound, x); }
inline V round(V x) { return vrndnq_f32(x); }
inline V scale2(V x, V n) {
  const int32x4_t bits = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
  return vmulq_f32(x, vreinterpretq_f32_s32(bits));
}
inline float sum(V x) { return vaddvq_f32(x); }
inline V loadBytes(const uint8_t* p) {
  uint32_t four;
  std::memcpy(&four, p, 4);
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
}

}  // namespace

#include "simd_portable.h"
#include "simd_exact.h"
