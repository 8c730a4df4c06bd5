// The case table put through the gates, one group a kernel.
#include <iterator>

#include "gates.h"

namespace fusor::test {

void compareKernels(const Kernels& kernels, Report& report) {
  const auto cases = denseCases(kernels.width / 2);
  struct Gate {
    const char* name;
    Judge (*check)(const Kernels&, const DenseCase&);
  };
  for (const Gate& gate : {Gate{"denseForward", checkForward},
                           {"denseBackward, dx", checkInputGradient},
                           {"denseBackward, dw", checkWeightGradient},
                           {"denseBackward, db", checkBiasGradient},
                           {"denseBackward, all at once", checkBackward},
                           {"sparseForward", checkSparseForward},
                           {"sparseBackward", checkSparseBackward}}) {
    report.group(kernels.name, gate.name);
    for (const DenseCase& c : cases) report.add(c.name(), gate.check(kernels, c));
  }
  constexpr const char* names[] = {"store", "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop"};
  for (int kind = 0; kind < 7; ++kind) {
    report.group(kernels.name, format("optimiser %s, 6 steps", names[kind]));
    // Every fifth of the smaller ones: the updates do not depend on the shape in more ways than the gradients
    // do.
    for (size_t i = 0; i < cases.size(); i += 5) {
      const DenseCase& c = cases[i];
      if (c.work() < 20000) report.add(c.name(), checkOptimizer(kernels, c, static_cast<UpdateKind>(kind)));
    }
  }
}

}  // namespace fusor::test
