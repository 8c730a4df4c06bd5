// Instead of the compiler's own: the intrinsics of AVX-512 and AMX that native/kernels/cpu uses, in plain C++, so that the kernel
// gate judges those kernels on processors that lack them. What is not here does not compile: whoever uses another intrinsic
// adds it. Approximations (rsqrt14, rcp14) are exact here, and nothing is timed: a processor that has the instructions still has
// the last word.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

using __m512 = float __attribute__((vector_size(64)));
using __m512i = long long __attribute__((vector_size(64)));
using __m256i = long long __attribute__((vector_size(32)));
using __m128i = long long __attribute__((vector_size(16)));
using __mmask16 = uint16_t;
using __mmask32 = uint32_t;
using __mmask64 = uint64_t;
constexpr int _CMP_GT_OQ = 30, _CMP_NEQ_UQ = 4, _MM_FROUND_TO_NEAREST_INT = 0, _MM_FROUND_NO_EXC = 8;

namespace emulated {

// What an __m512i holds is said by each instruction.
using Bytes = uint8_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));

template <class Lanes>
constexpr int kLanes = 64 / sizeof(Lanes{}[0]);

template <class Value>
inline Value read(const void* from) {
  Value value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline bool has(uint64_t mask, int lane) { return mask >> lane & 1; }

}  // namespace emulated

// Vectors: memory.
inline __m512 _mm512_loadu_ps(const void* from) { return emulated::read<__m512>(from); }
inline __m512i _mm512_loadu_si512(const void* from) { return emulated::read<__m512i>(from); }
inline __m256i _mm256_load_si256(const __m256i* from) { return emulated::read<__m256i>(from); }
inline __m128i _mm_loadu_si128(const __m128i* from) { return emulated::read<__m128i>(from); }
inline void _mm512_storeu_ps(void* to, __m512 x) { std::memcpy(to, &x, sizeof x); }
inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }

// Vectors: arithmetic.
inline __m512 _mm512_set1_ps(float x) { return x - __m512{}; }  // minus, for -0
inline __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
inline __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
inline __m512 _mm512_div_ps(__m512 a, __m512 b) { return a / b; }
// Lane by lane, for GCC does not compare vectors that are wider than the processor's as vectors.
inline __m512 _mm512_max_ps(__m512 a, __m512 b) {
  for (int i = 0; i < 16; ++i) a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
}
inline __m512 _mm512_min_ps(__m512 a, __m512 b) {
  for (int i = 0; i < 16; ++i) a[i] = a[i] < b[i] ? a[i] : b[i];
  return a;
}
inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  for (int i = 0; i < 16; ++i) a[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return a;
}
inline __m512 _mm512_fnmadd_ps(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(-a, b, c); }
inline __m512 _mm512_sqrt_ps(__m512 a) {
  for (int i = 0; i < 16; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
inline __m512 _mm512_rsqrt14_ps(__m512 a) { return 1.0f / _mm512_sqrt_ps(a); }
inline __m512 _mm512_rcp14_ps(__m512 a) { return 1.0f / a; }
inline __m512 _mm512_roundscale_ps(__m512 a, int) {  // to the nearest integer
  for (int i = 0; i < 16; ++i) a[i] = __builtin_rintf(a[i]);
  return a;
}
inline __m512 _mm512_scalef_ps(__m512 a, __m512 n) {  // n: not infinite
  for (int i = 0; i < 16; ++i) a[i] = std::isnan(n[i]) ? n[i] : std::ldexp(a[i], static_cast<int>(std::floor(n[i])));
  return a;
}
inline float _mm512_reduce_add_ps(__m512 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a[i] += a[i + half];
  }
  return a[0];
}
inline __m512 _mm512_fixupimm_ps(__m512 a, __m512 b, __m512i table, int) {
  const auto answers = std::bit_cast<emulated::Words>(table);
  for (int i = 0; i < 16; ++i) {
    const float x = b[i];
    const uint32_t bits = std::bit_cast<uint32_t>(x), quiet = 1u << 22;
    int kind = x < 0 ? 6 : 7;  // which of the table's eight answers
    if (std::isnan(x)) kind = bits & quiet ? 0 : 1;
    if (std::isinf(x)) kind = x < 0 ? 4 : 5;
    if (x == 0) kind = 2;
    if (x == 1) kind = 3;
    switch (answers[i] >> 4 * kind & 15) {
      case 0: break;
      case 3: a[i] = std::bit_cast<float>(0xffc00000u); break;  // a quiet NaN
      case 8: a[i] = 0; break;
      case 14: a[i] = std::numeric_limits<float>::max(); break;
      default: std::abort();  // no kernel asks for it
    }
  }
  return a;
}

// Vectors: bits.
inline __m512i _mm512_set1_epi32(int x) { return std::bit_cast<__m512i>(static_cast<uint32_t>(x) + emulated::Words{}); }
inline __m512i _mm512_set1_epi16(short x) { return std::bit_cast<__m512i>(static_cast<uint16_t>(x) + emulated::Halves{}); }
inline __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
inline __m512i _mm512_add_epi32(__m512i a, __m512i b) {
  return std::bit_cast<__m512i>(std::bit_cast<emulated::Words>(a) + std::bit_cast<emulated::Words>(b));
}
inline __m512i _mm512_slli_epi16(__m512i x, int n) { return std::bit_cast<__m512i>(std::bit_cast<emulated::Halves>(x) << n); }
inline __m512i _mm512_srli_epi16(__m512i x, int n) { return std::bit_cast<__m512i>(std::bit_cast<emulated::Halves>(x) >> n); }
inline __m512i _mm512_srli_epi32(__m512i x, int n) { return std::bit_cast<__m512i>(std::bit_cast<emulated::Words>(x) >> n); }
inline __m512i _mm512_ternarylogic_epi32(__m512i a, __m512i b, __m512i c, int table) {
  if (table != 0xea) std::abort();  // no kernel asks for it
  return (a & b) | c;
}

namespace emulated {

// Within each 128 bits, the lower or upper lanes of a and b by turns.
template <class Lanes>
inline __m512i interleaved(__m512i a, __m512i b, bool upper) {
  constexpr int kHalf = kLanes<Lanes> / 8;
  const auto x = std::bit_cast<Lanes>(a), y = std::bit_cast<Lanes>(b);
  Lanes both;
  for (int first = 0; first < kLanes<Lanes>; first += 2 * kHalf) {
    for (int i = 0; i < kHalf; ++i) {
      const int from = first + upper * kHalf + i;
      both[first + 2 * i] = x[from], both[first + 2 * i + 1] = y[from];
    }
  }
  return std::bit_cast<__m512i>(both);
}

}  // namespace emulated

inline __m512i _mm512_unpacklo_epi32(__m512i a, __m512i b) { return emulated::interleaved<emulated::Words>(a, b, false); }
inline __m512i _mm512_unpackhi_epi32(__m512i a, __m512i b) { return emulated::interleaved<emulated::Words>(a, b, true); }
inline __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b) { return emulated::interleaved<__m512i>(a, b, false); }
inline __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b) { return emulated::interleaved<__m512i>(a, b, true); }
inline __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int which) {
  __m512i x;
  for (int i = 0; i < 8; ++i) x[i] = (i < 4 ? a : b)[2 * (which >> i / 2 * 2 & 3) + i % 2];
  return x;
}

// Masks.
namespace emulated {

// The lanes in which a and b have a bit in common.
template <class Lanes>
inline uint64_t common(__m512i a, __m512i b) {
  const auto both = std::bit_cast<Lanes>(a & b);
  uint64_t mask = 0;
  for (int i = 0; i < kLanes<Lanes>; ++i) mask |= static_cast<uint64_t>(both[i] != 0) << i;
  return mask;
}

}  // namespace emulated

inline __mmask64 _mm512_test_epi8_mask(__m512i a, __m512i b) { return emulated::common<emulated::Bytes>(a, b); }
inline __mmask32 _mm512_test_epi16_mask(__m512i a, __m512i b) { return emulated::common<emulated::Halves>(a, b); }
inline __mmask16 _mm512_test_epi32_mask(__m512i a, __m512i b) {
  return static_cast<__mmask16>(emulated::common<emulated::Words>(a, b));
}
inline __mmask32 _mm512_movepi16_mask(__m512i x) {
  return emulated::common<emulated::Halves>(x, _mm512_set1_epi16(static_cast<short>(0x8000)));
}
inline __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int how) {  // greater, or not equal
  int mask = 0;
  for (int i = 0; i < 16; ++i) mask |= (how == _CMP_NEQ_UQ ? a[i] != b[i] : a[i] > b[i]) << i;
  return static_cast<__mmask16>(mask);
}
inline __m512 _mm512_mask_blend_ps(__mmask16 mask, __m512 a, __m512 b) {
  for (int i = 0; i < 16; ++i) a[i] = emulated::has(mask, i) ? b[i] : a[i];
  return a;
}
inline __m512i _mm512_maskz_add_epi16(__mmask32 mask, __m512i a, __m512i b) {
  auto sum = std::bit_cast<emulated::Halves>(a) + std::bit_cast<emulated::Halves>(b);
  for (int i = 0; i < 32; ++i) sum[i] = emulated::has(mask, i) ? sum[i] : 0;
  return std::bit_cast<__m512i>(sum);
}
// Memory beyond a mask is not touched: guard pages see it.
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void* from) {
  __m512 x{};
  for (int i = 0; i < 16; ++i) {
    if (emulated::has(mask, i)) x[i] = static_cast<const float*>(from)[i];
  }
  return x;
}
inline void _mm512_mask_storeu_ps(void* to, __mmask16 mask, __m512 x) {
  for (int i = 0; i < 16; ++i) {
    if (emulated::has(mask, i)) static_cast<float*>(to)[i] = x[i];
  }
}
inline __m256i _mm256_maskz_loadu_epi8(__mmask32 mask, const void* from) {
  uint8_t bytes[32] = {};
  for (int i = 0; i < 32; ++i) {
    if (emulated::has(mask, i)) bytes[i] = static_cast<const uint8_t*>(from)[i];
  }
  return emulated::read<__m256i>(bytes);
}

// Conversions.
namespace emulated {

template <class Lanes, class Packed>
inline __m512i widened(Packed bytes) {
  uint8_t narrow[sizeof bytes];
  std::memcpy(narrow, &bytes, sizeof bytes);
  Lanes wide;
  for (int i = 0; i < kLanes<Lanes>; ++i) wide[i] = narrow[i];
  return std::bit_cast<__m512i>(wide);
}

}  // namespace emulated

struct __m512h {  // half precision
  __m512i bits;
};

inline __m512i _mm512_castps_si512(__m512 x) { return std::bit_cast<__m512i>(x); }
inline __m512 _mm512_castsi512_ps(__m512i x) { return std::bit_cast<__m512>(x); }
inline __m512i _mm512_castph_si512(__m512h x) { return x.bits; }
inline __m512i _mm512_cvtepu8_epi32(__m128i bytes) { return emulated::widened<emulated::Words>(bytes); }
inline __m512i _mm512_cvtepu8_epi16(__m256i bytes) { return emulated::widened<emulated::Halves>(bytes); }
inline __m512 _mm512_cvtepi32_ps(__m512i x) {
  const auto words = std::bit_cast<emulated::Words>(x);
  __m512 floats;
  for (int i = 0; i < 16; ++i) floats[i] = static_cast<float>(static_cast<int32_t>(words[i]));
  return floats;
}
inline __m512h _mm512_cvtepu16_ph(__m512i x) {  // of less than 2048, which half precision holds exactly
  constexpr uint32_t kBias = (127 - 15) << 10;
  auto halves = std::bit_cast<emulated::Halves>(x);
  for (int i = 0; i < 32; ++i) {
    if (halves[i]) halves[i] = static_cast<uint16_t>((std::bit_cast<uint32_t>(static_cast<float>(halves[i])) >> 13) - kBias);
  }
  return {std::bit_cast<__m512i>(halves)};
}

// Tiles: all of 16 rows of 64 bytes, as the kernels configure them.
namespace emulated {

using Tile = float[16][16];
inline thread_local Tile tiles[8];

// Tiles take subnormals for zero and leave none.
class WithoutSubnormals {
 public:
  WithoutSubnormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | kZeroes); }
  WithoutSubnormals(const WithoutSubnormals&) = delete;
  WithoutSubnormals& operator=(const WithoutSubnormals&) = delete;
  ~WithoutSubnormals() { __builtin_ia32_ldmxcsr(before_); }

 private:
  static constexpr unsigned kZeroes = 1u << 15 | 1u << 6;  // flush to zero, denormals are zeros
  const unsigned before_;
};

struct Pairs {
  explicit Pairs(const Tile& tile) {
    for (int r = 0; r < 16; ++r) {
      for (int i = 0; i < 16; ++i) {
        const auto both = std::bit_cast<uint32_t>(tile[r][i]);
        first[r][i] = std::bit_cast<float>(both << 16), second[r][i] = std::bit_cast<float>(both & 0xffff0000);
      }
    }
  }
  Tile first, second;
};

}  // namespace emulated

inline void _tile_loadconfig(const void*) {}
inline void _tile_release() {}
inline void _tile_zero(int tile) { std::memset(emulated::tiles[tile], 0, sizeof(emulated::Tile)); }
inline void _tile_loadd(int tile, const void* from, long apart) {
  for (int r = 0; r < 16; ++r) std::memcpy(emulated::tiles[tile][r], static_cast<const char*>(from) + r * apart, 64);
}
inline void _tile_stored(int tile, void* to, long apart) {
  for (int r = 0; r < 16; ++r) std::memcpy(static_cast<char*>(to) + r * apart, emulated::tiles[tile][r], 64);
}
// Sums as Intel defines them: of the pairs' first products and of their second ones, each from zero on; both are added, then that
// to what was there.
inline void _tile_dpbf16ps(int to, int left, int right) {
  const emulated::WithoutSubnormals mode;
  const emulated::Pairs a(emulated::tiles[left]), b(emulated::tiles[right]);
  for (int r = 0; r < 16; ++r) {
    float firsts[16] = {}, seconds[16] = {};
    for (int k = 0; k < 16; ++k) {
      for (int n = 0; n < 16; ++n) firsts[n] = __builtin_fmaf(a.first[r][k], b.first[k][n], firsts[n]);
      for (int n = 0; n < 16; ++n) seconds[n] = __builtin_fmaf(a.second[r][k], b.second[k][n], seconds[n]);
    }
    for (int n = 0; n < 16; ++n) emulated::tiles[to][r][n] += firsts[n] + seconds[n];
  }
}
