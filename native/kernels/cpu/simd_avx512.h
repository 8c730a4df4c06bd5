// AVX-512: 16 lanes, 32 registers. See simd_scalar.h for what each function means.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

using V = __m512;
using Mask = __mmask16;
constexpr int W = 16;
constexpr int kTileRows = 14;  // 28 accumulators, 2 of b, 1 of a: 31 of 32 registers
constexpr int kGroup = 4;     // 16 sums, of two panels
constexpr int kHeld = 4;
constexpr bool kFused = true;
constexpr const char* kName = "avx512";

inline V load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, V x) { _mm512_storeu_ps(p, x); }
inline void hold(V& x) {
#ifdef __AVX512F__  // which is not there where it is emulated
  asm("" : "+v"(x));
#else
  static_cast<void>(x);
#endif
}
inline V set1(float x) { return _mm512_set1_ps(x); }
inline V add(V a, V b) { return _mm512_add_ps(a, b); }
inline V sub(V a, V b) { return _mm512_sub_ps(a, b); }
inline V mul(V a, V b) { return _mm512_mul_ps(a, b); }
inline V div(V a, V b) { return _mm512_div_ps(a, b); }
inline V sqrt(V a) { return _mm512_sqrt_ps(a); }
// sqrt and div to an ulp or two, in a fifth of the time: from an estimate of 14 bits, by a step of Newton's.
template <int N>
inline __attribute__((always_inline)) void root(V* x) {
  V inverse[N], y[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) inverse[n] = _mm512_rsqrt14_ps(x[n]);
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) y[n] = _mm512_mul_ps(x[n], inverse[n]), inverse[n] = _mm512_mul_ps(inverse[n], _mm512_set1_ps(0.5f));
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) y[n] = _mm512_fmadd_ps(_mm512_fnmadd_ps(y[n], y[n], x[n]), inverse[n], y[n]);
  // Of 0, and of infinity, whose quotients are to be what they are: 0 and the largest float.
  constexpr int kZero = 8 << 8, kInfinity = 14 << 20;
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) x[n] = _mm512_fixupimm_ps(y[n], x[n], _mm512_set1_epi32(kZero | kInfinity), 0);
}
template <int N>
inline __attribute__((always_inline)) void quotient(V* a, const V* b) {  // b: finite, not 0
  V inverse[N], q[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) inverse[n] = _mm512_rcp14_ps(b[n]);
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) q[n] = _mm512_mul_ps(a[n], inverse[n]);
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) a[n] = _mm512_fmadd_ps(_mm512_fnmadd_ps(q[n], b[n], a[n]), inverse[n], q[n]);
}
inline V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
inline V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
inline V maxKeepNan(V bound, V x) { return _mm512_max_ps(bound, x); }
inline V minKeepNan(V bound, V x) { return _mm512_min_ps(bound, x); }
inline Mask greater(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline uint32_t nonZeros(V x) { return _mm512_cmp_ps_mask(x, set1(0.0f), _CMP_NEQ_UQ); }
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
// masks[g apart], of 16: the rows, up to 64, in which one of the g-th group of 64 bytes from `first` on is not 0.
inline void rowsOfGroups(const uint8_t* const* x, int first, int rows, uint64_t* masks, long apart) {
  uint16_t groups[64] = {};
  for (int r = 0; r < rows; ++r) {
    const __m512i bytes = _mm512_loadu_si512(x[r] + first);
    groups[r] = _mm512_test_epi32_mask(bytes, bytes);
  }
  __m512i low = _mm512_loadu_si512(groups), high = _mm512_loadu_si512(groups + 32);
  for (int g = 15; g >= 0; --g) {
    masks[g * apart] = _mm512_movepi16_mask(low) | static_cast<uint64_t>(_mm512_movepi16_mask(high)) << 32;
    low = _mm512_slli_epi16(low, 1), high = _mm512_slli_epi16(high, 1);
  }
}
inline V loadTail(const float* p, int n) { return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p); }
inline void storeTail(float* p, V x, int n) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x); }

}  // namespace
