// AVX2 with FMA: 8 lanes, 16 registers. See simd_scalar.h for what each function means.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

using V = __m256;
using Mask = __m256;
constexpr int W = 8;
constexpr int kTileRows = 6;  // 12 accumulators, 2 of b, 1 of a: 15 of 16 registers
constexpr int kGroup = 1;
constexpr int kHeld = 2;
constexpr bool kFused = true;
constexpr const char* kName = "avx2";

inline V load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, V x) { _mm256_storeu_ps(p, x); }
inline void hold(V& x) { asm("" : "+x"(x)); }
inline V set1(float x) { return _mm256_set1_ps(x); }
inline V add(V a, V b) { return _mm256_add_ps(a, b); }
inline V sub(V a, V b) { return _mm256_sub_ps(a, b); }
inline V mul(V a, V b) { return _mm256_mul_ps(a, b); }
inline V div(V a, V b) { return _mm256_div_ps(a, b); }
inline V sqrt(V a) { return _mm256_sqrt_ps(a); }
inline V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
inline V fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
inline V maxKeepNan(V bound, V x) { return _mm256_max_ps(bound, x); }
inline V minKeepNan(V bound, V x) { return _mm256_min_ps(bound, x); }
inline Mask greater(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
inline uint32_t nonZeros(V x) { return _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ)); }
inline V select(Mask m, V a, V b) { return _mm256_blendv_ps(b, a, m); }
inline V round(V x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline V scale2(V x, V n) {
  const __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(bits));
}
inline float sum(V x) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}
inline V loadBytes(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline uint64_t nonZero64(const uint8_t* p) {
  const auto zeros = [](const uint8_t* q) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
    return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())));
  };
  return ~(static_cast<uint64_t>(zeros(p)) | static_cast<uint64_t>(zeros(p + 32)) << 32);
}
inline __m256i tailMask(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline V loadTail(const float* p, int n) { return _mm256_maskload_ps(p, tailMask(n)); }
inline void storeTail(float* p, V x, int n) { _mm256_maskstore_ps(p, tailMask(n), x); }

}  // namespace

#include "simd_exact.h"
