// The case table put through the gates, one group a kernel.
#include <algorithm>
#include <iterator>

#include "gates.h"

namespace fusor::test {

namespace {

struct Gate {
  const char* name;
  Judge (*check)(const Kernels&, const DenseCase&);
};

}  // namespace

Kernels denseByTiles(const Kernels& kernels) {
  static const Kernels* tiles = nullptr;
  static std::vector<uint8_t> scratch;
  static const auto memory = [](int rows, int inputs, int outputs) {
    const size_t size = denseTilesScratch(rows, inputs, outputs);
    if (scratch.size() < size) scratch.resize(size);
    std::fill(scratch.begin(), scratch.begin() + static_cast<long>(size), 0xee);
    return scratch.data();
  };
  tiles = &kernels;
  Kernels table = kernels;
  table.denseForward = [](const DenseForward& d) {
    DenseForward all = d;
    all.scratch = memory(d.rows.size(), d.inputs, d.panels.size() * tiles->width);
    tiles->denseTilesForward(all);
  };
  table.denseBackward = [](const DenseBackward& d) {
    DenseBackward all = d;
    all.scratch = reinterpret_cast<float*>(memory(d.rows, d.inputs, d.outputs));
    tiles->denseTilesBackward(all);
  };
  return table;
}

// Inputs in the lanes.
static Kernels denseThin(const Kernels& kernels) {
  static void (*forward)(const DenseForward&) = nullptr;
  forward = kernels.denseForward;
  Kernels table = kernels;
  table.denseForward = [](const DenseForward& d) {
    DenseForward thin = d;
    thin.thin = true;
    forward(thin);
  };
  return table;
}

void compareTiles(const Kernels& kernels, Report& report) {
  auto cases = denseCases(kernels.width / 2);
  // More rows than the forward pass keeps at a time, more panels than the way back does.
  cases.push_back({300, 70, 65, Activation::Relu, true, Numbers::Real, Place::End, 1});
  cases.push_back({1000, 17, 200, Activation::Relu, true, Numbers::Real, Place::End, 1});
  for (const Gate& gate : {Gate{"tilesForward", checkTilesForward}, {"tilesBackward", checkTilesBackward}}) {
    report.group(kernels.name, gate.name);
    for (const DenseCase& c : cases) report.add(c.name(), gate.check(kernels, c));
  }
}

void compareKernels(const Kernels& kernels, Report& report) {
  auto cases = denseCases(kernels.width / 2);
  if (kernels.denseTilesForward) {
    // More rows, inputs and batch than they take at a time.
    cases.push_back({300, 600, 70, Activation::Relu, true, Numbers::Real, Place::End, 1});
    cases.push_back({600, 70, 67, Activation::Gelu, true, Numbers::Real, Place::Start, 0});
  }
  const auto check = [&](const Gate& gate, const std::vector<DenseCase>& all) {
    for (const DenseCase& c : all) report.add(c.name(), gate.check(kernels, c));
  };
  for (const Gate& gate : {Gate{"denseForward", checkForward},
                           {"denseBackward, dx", checkInputGradient},
                           {"denseBackward, dw", checkWeightGradient},
                           {"denseBackward, db", checkBiasGradient},
                           {"denseBackward, all at once", checkBackward}}) {
    report.group(kernels.name, gate.name);
    check(gate, cases);
    // Nobody asks tiles for so narrow a layer.
    if (!kernels.denseTilesForward) check(gate, halfCases(kernels.width / 2));
  }
  report.group(kernels.name, "denseForward, thin");
  const Kernels thin = denseThin(kernels);
  for (const auto& all : {cases, halfCases(kernels.width / 2)}) {
    for (const DenseCase& c : all) {
      if (isThin(c.outputs, c.inputs, kernels.width) && !kernels.denseTilesForward) report.add(c.name(), checkForward(thin, c));
    }
  }
  for (const Gate& gate : {Gate{"sparseForward", checkSparseForward},
                           {"sparseBackward", checkSparseBackward},
                           {"sparse, denseForward", checkZerosForward},
                           {"sparse, denseBackward", checkZerosBackward}}) {
    // Those that leave out zeros are the vectors', and as these.
    if (kernels.denseTilesForward) break;
    report.group(kernels.name, gate.name);
    check(gate, cases);
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
