// Negative controls: a gate that passes a faulty kernel proves nothing. Each fault must be caught in every
// one of the cases where it makes a difference; the same plain kernels without a fault must pass them all.
#include "chain.h"
#include "faulty.h"

namespace fusor::test {
namespace {

using Gate = Judge (*)(const Kernels&, const DenseCase&);

// A few shapes of the table's kind; `activation` decides where masks are tested.
std::vector<DenseCase> controlCases(Activation activation) {
  std::vector<DenseCase> cases;
  for (auto [rows, inputs, outputs] :
       {std::array{5, 13, 11}, std::array{2, 784, 10}, std::array{33, 7, 19}, std::array{3, 1000, 9}}) {
    for (Place place : {Place::End, Place::Start})
      cases.push_back({rows, inputs, outputs, activation, true, Numbers::Real, place, 1});
  }
  return cases;
}

// Passes when the gate fails in every case.
void control(Report& report, const std::string& what, const Kernels& faulty, Gate gate,
             const std::vector<DenseCase>& cases) {
  Judge judge;
  for (const DenseCase& c : cases) judge.expect(!gate(faulty, c).passed(), "not caught: " + c.name());
  report.add(what, judge);
}

void soundKernelsPass(Report& report) {
  const Kernels plain = Faulty<Fault::None>::table();
  for (Gate gate : {checkForward, checkInputGradient, checkWeightGradient, checkBiasGradient, checkBackward}) {
    for (Activation a : {Activation::Linear, Activation::Relu, Activation::Tanh}) {
      for (const DenseCase& c : controlCases(a))
        report.add("control: plain kernels pass, " + c.name(), gate(plain, c));
    }
  }
  report.add("control: plain kernels keep NaN", checkNan(plain, Activation::Relu));
}

enum Where : int { kForward = 1, kInput = 2, kWeight = 4, kBias = 8, kAtOnce = 16 };

template <Fault F>
void kernelControl(Report& report, const char* name, int where, Activation activation = Activation::Linear) {
  const Kernels faulty = Faulty<F>::table();
  auto cases = controlCases(activation);
  if (F == Fault::WritesPadding) {  // where there is some
    std::erase_if(cases, [&](const DenseCase& c) {
      return c.inputs % faulty.width == 0 || c.outputs % faulty.width == 0;
    });
  }
  if (F == Fault::IgnoresRange && where == kInput) {  // where there is more than one panel of inputs
    std::erase_if(cases, [&](const DenseCase& c) { return c.inputs <= faulty.width; });
  }
  const auto run = [&](Where place, const char* kernel, Gate gate) {
    if (where & place)
      control(report, format("control: %s in %s is caught", name, kernel), faulty, gate, cases);
  };
  run(kForward, "denseForward", checkForward);
  run(kInput, "denseBackward, dx", checkInputGradient);
  run(kWeight, "denseBackward, dw", checkWeightGradient);
  run(kBias, "denseBackward, db", checkBiasGradient);
  run(kAtOnce, "denseBackward, all at once", checkBackward);
}

void chainControl(Report& report, const char* name, ChainFault fault, Activation activation) {
  Judge judge;
  for (const DenseCase& c : {DenseCase{4, 5, 7, activation, true, Numbers::Real, Place::End, 0},
                             {3, 7, 5, activation, true, Numbers::Real, Place::End, 0}}) {
    judge.expect(!checkDifferences(c, fault).passed(), "not caught: " + c.name());
  }
  report.add(format("control: %s is caught by differences", name), judge);
}

// Guarded memory by itself: an access before or behind an array does not go unnoticed.
void memoryControls(Report& report) {
  const std::vector<float> values(37, 1.0f);
  Judge reads, writes, sealed, canaries;
  {
    const Guarded<float> end(values, Place::End), start(values, Place::Start), odd(values, Place::Odd);
    const auto input = Guarded<float>::input(values, Place::End);
    volatile float sink = 0;
    reads.expect(!survives([&] { sink = *static_cast<volatile float*>(end.data() + 37); }),
                 "a read past the end");
    reads.expect(!survives([&] { sink = *static_cast<volatile float*>(start.data() - 1); }),
                 "a read before the beginning");
    writes.expect(!survives([&] { *static_cast<volatile float*>(end.data() + 37) = sink; }),
                  "a write past the end");
    sealed.expect(!survives([&] { *static_cast<volatile float*>(input.data()) = sink; }),
                  "a write to an input");
    end.data()[-1] = 0;
    *(reinterpret_cast<unsigned char*>(odd.data() + 37)) = 0;
    canaries.expect(!end.intact() && !odd.intact() && start.intact(), "a write among the canaries");
  }
  report.add("control: reads outside are caught", reads);
  report.add("control: writes outside are caught", writes);
  report.add("control: writes to inputs are caught", sealed);
  report.add("control: writes among the canaries are caught", canaries);
}

}  // namespace

void runControls(Report& report) {
  report.group("float64", "negative controls");
  soundKernelsPass(report);
  constexpr int all = kForward | kInput | kWeight | kBias;
  kernelControl<Fault::SignFlip>(report, "a flipped sign", all);
  kernelControl<Fault::NoMean>(report, "a missing 1/n", kWeight | kBias);
  kernelControl<Fault::TransposedW>(report, "a transposed W", kForward | kInput);
  kernelControl<Fault::MaskOfGradient>(report, "a mask from the gradient", kInput, Activation::Relu);
  kernelControl<Fault::MaskNegative>(report, "a mask from the wrong side", kInput, Activation::Relu);
  kernelControl<Fault::StaleRow>(report, "a stale last row", kForward | kInput | kWeight);
  kernelControl<Fault::StaleColumn>(report, "a stale last column", all);
  kernelControl<Fault::LostTerm>(report, "a lost last term", all);
  kernelControl<Fault::Tf32>(report, "TF32", kForward | kInput | kWeight);
  kernelControl<Fault::NoBias>(report, "a bias left out", kForward);
  kernelControl<Fault::WritesPadding>(report, "a value in the padding", kForward | kInput);
  kernelControl<Fault::WritesPast>(report, "a write past the end", kForward | kInput | kWeight);
  kernelControl<Fault::ReadsPast>(report, "a read past the end", kForward);
  kernelControl<Fault::IgnoresRange>(report, "a write outside the range", kForward | kWeight);
  kernelControl<Fault::IgnoresRange>(report, "a write outside the range", kInput);
  kernelControl<Fault::UpdatesFirst>(report, "an update before dx", kAtOnce);
  const Kernels sparse = Faulty<Fault::LostTerm>::sparseTable();
  const auto sparseCases = controlCases(Activation::Linear);
  control(report, "control: a lost last byte in sparseForward is caught", sparse, checkSparseForward,
          sparseCases);
  control(report, "control: a lost last byte in sparseBackward is caught", sparse, checkSparseBackward,
          sparseCases);
  control(report, "control: a lost last input in denseForward without zeros is caught", sparse, checkZerosForward, sparseCases);
  control(report, "control: a lost last row in denseBackward without zeros is caught", sparse, checkZerosBackward, sparseCases);
  if (const Kernels* tiles = kernelsByName("amx")) {
    const Kernels lost = Faulty<Fault::LostTerm>::tilesTable(*tiles), coarse = Faulty<Fault::Tf32>::tilesTable(*tiles);
    control(report, "control: a lost last byte in tilesForward is caught", lost, checkTilesForward, sparseCases);
    control(report, "control: a lost last byte in tilesBackward is caught", lost, checkTilesBackward, sparseCases);
    control(report, "control: weights as TF32 in tilesForward are caught", coarse, checkTilesForward, sparseCases);
    control(report, "control: gradients as TF32 in tilesBackward are caught", coarse, checkTilesBackward, sparseCases);
  }
  Judge nan;
  nan.expect(!checkNan(Faulty<Fault::SwallowsNan>::table(), Activation::Relu).passed(), "not caught");
  report.add("control: a NaN swallowed by relu is caught", nan);

  chainControl(report, "a flipped sign", ChainFault::SignFlip, Activation::Tanh);
  chainControl(report, "a missing 1/n", ChainFault::NoMean, Activation::Tanh);
  chainControl(report, "a transposed W", ChainFault::TransposedW, Activation::Tanh);
  chainControl(report, "a mask from the gradient", ChainFault::MaskOfGradient, Activation::Relu);
  chainControl(report, "a mask from the wrong side", ChainFault::MaskNegative, Activation::Relu);
  chainControl(report, "a bias without gradient", ChainFault::NoBiasGradient, Activation::Tanh);
  chainControl(report, "a lost last row", ChainFault::LastRow, Activation::Tanh);
  memoryControls(report);
}

}  // namespace fusor::test
