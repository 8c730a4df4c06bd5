// AVX-512: 16 lanes, 32 registers. See simd_scalar.h for what each function means.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

using V = __m512;
using Mask = __mmask16;
constexpr int W = 16;
constexpr int kTileRows = 14;  // 28 accumulators, 2 of b, 1 of a: 31 of 32 registers
constexpr bool kFused = true;
constexpr const char* kName = "avx512";

inline V load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, V x) { _mm512_storeu_ps(p, x); }
inline V set1(float x) { return _mm512_set1_ps(x); }
inline V add(V a, V b) { return _mm512_add_ps(a, b); }
inline V sub(V a, V b) { return _mm512_sub_ps(a, b); }
inline V mul(V a, V b) { return _mm512_mul_ps(a, b); }
inline V div(V a, V b) { return _mm512_div_ps(a, b); }
inline V sqrt(V a) { return _mm512_sqrt_ps(a); }
inline V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
inline V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
inline V maxKeepNan(V bound, V x) { return _mm512_max_ps(bound, x); }
inline V minKeepNan(V bound, V x) { return _mm512_min_ps(bound, x); }
inline Mask greater(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline V select(Mask m, V a, V b) { return _mm512_mask_blend_ps(m, b, a); }
inline V round(V x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline V scale2(V x, V n) { return _mm512_scalef_ps(x, n); }
inline float sum(V x) { return _mm512_reduce_add_ps(x); }
inline V loadBytes(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline uint64_t nonZero64(const uint8_t* p) {
  const __m512i bytes = _mm512_loadu_si512(p);
  return _mm512_test_epi8_mask(bytes, bytes);
}
inline V loadTail(const float* p, int n) { return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p); }
inline void storeTail(float* p, V x, int n) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x); }

}  // namespace
