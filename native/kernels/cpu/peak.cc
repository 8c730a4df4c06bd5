#include "peak.h"

#include <cstring>

#include "kernels.h"

namespace fusor {

#if !defined(__x86_64__)
const Peak* avx2Peak() { return nullptr; }
const Peak* avx512Peak() { return nullptr; }
#endif
#if !defined(FUSOR_AMX)
const Peak* amxPeak() { return nullptr; }
#endif
#if !defined(__aarch64__)
const Peak* neonPeak() { return nullptr; }
#endif

const Peak* peakByName(const char* name) {
  const Kernels* kernels = kernelsByName(name);
  if (!kernels) return nullptr;
  if (!std::strcmp(kernels->name, "amx")) return amxPeak();
  if (!std::strcmp(kernels->name, "avx512")) return avx512Peak();
  if (!std::strcmp(kernels->name, "avx2")) return avx2Peak();
  if (!std::strcmp(kernels->name, "neon")) return neonPeak();
  return scalarPeak();
}

}  // namespace fusor
