// The tables of this build by their names, of those that the processor can run.
#include <cstring>
#include <initializer_list>

#include "kernels.h"
#include "processor.h"

namespace fusor {

#if !defined(__x86_64__)
const Kernels* avx2Kernels() { return nullptr; }
const Kernels* avx512Kernels() { return nullptr; }
#endif
#if !defined(FUSOR_AMX)
const Kernels* amxKernels() { return nullptr; }
#endif
#if !defined(__aarch64__)
const Kernels* neonKernels() { return nullptr; }
#endif

const Kernels* kernelsByName(const char* name) {
  if (!std::strcmp(name, "auto")) return bestKernels();
  if (!cpuHas(name)) return nullptr;
  if (!std::strcmp(name, "amx")) return amxKernels();
  if (!std::strcmp(name, "avx512")) return avx512Kernels();
  if (!std::strcmp(name, "avx2")) return avx2Kernels();
  if (!std::strcmp(name, "neon")) return neonKernels();
  return scalarKernels();
}

const Kernels* bestKernels() {
  for (const char* name : {"amx", "avx512", "avx2", "neon"}) {
    if (const Kernels* table = kernelsByName(name)) return table;
  }
  return scalarKernels();
}

}  // namespace fusor
