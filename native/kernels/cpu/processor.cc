// Which instruction sets this processor *and* its operating system can run: CPUID says what the processor knows,
// XGETBV whether the system saves the wide registers. Compiled without any -m flag, so that it runs everywhere.
#include "processor.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace fusor {
namespace {

#if defined(__x86_64__)
bool maySaveTiles() {
#if defined(__linux__)
  constexpr int kAskFor = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kAskFor, kTileData) == 0;
#else
  return false;
#endif
}

struct Features {
  bool avx2 = false, avx512 = false, amx = false;
  Features() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c & bit_FMA, osxsave = c & bit_OSXSAVE, avx = c & bit_AVX;
    if (!osxsave || !avx) return;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    const bool saves256 = (low & 0x06) == 0x06, saves512 = (low & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = saves256 && fma && (b & bit_AVX2) && (b & bit_BMI);
    const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    avx512 = avx2 && saves512 && (b & wanted) == wanted;
    // Of the tiles, also bfloat16, and the vectors' half precision. Linux gives a process the tiles when it asks for them.
    constexpr unsigned kHalf = 1u << 23, kBfloatTiles = 1u << 22, kTiles = 1u << 24;
    constexpr unsigned kTileState = 3u << 17;
    amx = avx512 && (low & kTileState) == kTileState && (d & kHalf) && (d & kBfloatTiles) && (d & kTiles) && maySaveTiles();
  }
};
#endif

}  // namespace

bool cpuHas(const char* isa) {
#if defined(__x86_64__)
  static const Features features;
  if (!std::strcmp(isa, "avx2")) return features.avx2;
  if (!std::strcmp(isa, "avx512")) return features.avx512;
  if (!std::strcmp(isa, "amx")) return features.amx;
#elif defined(__aarch64__)
  if (!std::strcmp(isa, "neon")) return true;
#endif
  return !std::strcmp(isa, "scalar");
}

}  // namespace fusor
