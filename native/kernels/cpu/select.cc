// The tables of this build by their names, of those that the processor can run.
#include <cstring>

#include "kernels.h"
#include "processor.h"

namespace fusor {
namespace {

struct Set {
  const char* name;
  const Kernels* (*kernels)();
};

// As kInstructionSets: the widest first.
constexpr Set kSets[] = {
#if defined(FUSOR_AMX)
    {"amx", amxKernels},
#endif
#if defined(__x86_64__)
    {"avx512", avx512Kernels},
    {"avx2", avx2Kernels},
#endif
#if defined(__aarch64__)
    {"neon", neonKernels},
#endif
    {"scalar", scalarKernels},
};

}  // namespace

const Kernels* kernelsByName(const char* name) {
  const bool any = !std::strcmp(name, "auto");
  for (const Set& set : kSets) {
    if ((any || !std::strcmp(name, set.name)) && cpuHas(set.name)) return set.kernels();
  }
  return nullptr;
}

const Kernels* bestKernels() { return kernelsByName("auto"); }

}  // namespace fusor
