// Which instruction sets this processor *and* its operating system can run: CPUID says what the processor knows,
// XGETBV whether the system saves the wide registers. And what all tables share. Compiled without any -m flag, so that it runs everywhere.
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fusor {
namespace {

#if defined(__x86_64__)
struct Features {
  bool avx2 = false, avx512 = false;
  Features() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c & bit_FMA, osxsave = c & bit_OSXSAVE, avx = c & bit_AVX;
    if (!osxsave || !avx) return;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    const bool saves256 = (low & 0x06) == 0x06, saves512 = (low & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = saves256 && fma && (b & bit_AVX2);
    const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    avx512 = avx2 && saves512 && (b & wanted) == wanted;
  }
};
#endif

}  // namespace

bool cpuHas(const char* isa) {
#if defined(__x86_64__)
  static const Features features;
  if (!std::strcmp(isa, "avx2")) return features.avx2;
  if (!std::strcmp(isa, "avx512")) return features.avx512;
#elif defined(__aarch64__)
  if (!std::strcmp(isa, "neon")) return true;
#endif
  return !std::strcmp(isa, "scalar");
}

#if !defined(__x86_64__)
const Kernels* avx2Kernels() { return nullptr; }
const Kernels* avx512Kernels() { return nullptr; }
#endif
#if !defined(__aarch64__)
const Kernels* neonKernels() { return nullptr; }
#endif

const Kernels* kernelsByName(const char* name) {
  if (!std::strcmp(name, "auto")) return bestKernels();
  if (!cpuHas(name)) return nullptr;
  if (!std::strcmp(name, "avx512")) return avx512Kernels();
  if (!std::strcmp(name, "avx2")) return avx2Kernels();
  if (!std::strcmp(name, "neon")) return neonKernels();
  return scalarKernels();
}

const Kernels* bestKernels() {
  for (const char* name : {"avx512", "avx2", "neon"}) {
    if (const Kernels* table = kernelsByName(name)) return table;
  }
  return scalarKernels();
}

// Here and not in the header, where every instruction set would compile its own and the linker would keep any one.
bool copiesFactors(int rows, int inputs, int outputs) { return rows >= 128 && inputs >= 256 && outputs >= 1024; }

size_t backwardScratch(int rows, int inputs, int outputs, int width) {
  const size_t panel = static_cast<size_t>(outputs) * width;
  if (!copiesFactors(rows, inputs, outputs)) return panel;
  return std::max(panel, static_cast<size_t>(rows) * (width + std::min(inputs, kCopiedFeatures)));
}

}  // namespace fusor
