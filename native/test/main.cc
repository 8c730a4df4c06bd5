// The kernel gate: every kernel of every instruction set that this processor has, against float64.
//   fusor_kernel_test [--isa NAME] [--time]
// One line a group, a line `skipped: …` for each instruction set that is absent, and the counts last. Exit
// status 1 when a case failed, 2 for wrong arguments.
#include <cstdio>
#include <cstring>

#include "gates.h"

namespace {

#if defined(__x86_64__)
constexpr const char* kNames[] = {"scalar", "avx2", "avx512", "amx"};
#elif defined(__aarch64__)
constexpr const char* kNames[] = {"scalar", "neon"};
#else
constexpr const char* kNames[] = {"scalar"};
#endif

}  // namespace

int main(int count, char** arguments) {
  using namespace fusor;
  const char* only = nullptr;
  bool time = false;
  for (int i = 1; i < count; ++i) {
    if (!std::strcmp(arguments[i], "--time")) {
      time = true;
    } else if (!std::strcmp(arguments[i], "--isa") && i + 1 < count) {
      only = arguments[++i];
    } else {
      std::fprintf(stderr, "usage: fusor_kernel_test [--isa NAME] [--time]\n");
      return 2;
    }
  }
  test::Report report;
  if (!time) {
    test::checkPhilox(report);
    test::checkBenchError(report);
    test::checkScratch(report);
    test::compareGradients(report);
    test::runControls(report);
  }
  for (const char* name : kNames) {
    if (only && std::strcmp(only, name)) continue;
    const Kernels* kernels = kernelsByName(name);
    if (!kernels) {
      report.skip(test::format("%s: this processor or its operating system lacks it", name));
      continue;
    }
    // Their other kernels are those of the vectors.
    if (kernels->tilesForward && !time) {
      test::compareTiles(*kernels, report);
      const Kernels floats = test::denseByTiles(*kernels);
      test::compareKernels(floats, report);
      test::compareChains(floats, report);
      continue;
    }
    if (time) {
      test::timeKernels(*kernels, report);
      continue;
    }
    test::compareKernels(*kernels, report);
    test::compareChains(*kernels, report);
    test::compareElementwise(*kernels, report);
  }
  return report.finish();
}
