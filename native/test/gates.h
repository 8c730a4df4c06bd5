// The gates: each runs one kernel of a table on one case and judges all that it wrote. A table is passed in,
// so that a faulty one can be put through the same gate (controls.cc).
#pragma once
#include "cases.h"
#include "judge.h"

namespace fusor::test {

// Against float64; sub-ranges and optional arguments against the whole, bit for bit; nothing else written or
// needed.
Judge checkForward(const Kernels&, const DenseCase&);
Judge checkInputGradient(const Kernels&, const DenseCase&);   // denseBackward, its parts alone
Judge checkWeightGradient(const Kernels&, const DenseCase&);
Judge checkBiasGradient(const Kernels&, const DenseCase&);
// denseBackward, all at once, against its parts alone, bit for bit.
Judge checkBackward(const Kernels&, const DenseCase&);
// Against the dense kernels of the same table, bit for bit.
Judge checkSparseForward(const Kernels&, const DenseCase&);
Judge checkSparseBackward(const Kernels&, const DenseCase&);
// denseForward and denseBackward, zeros left out.
Judge checkZerosForward(const Kernels&, const DenseCase&);
Judge checkZerosBackward(const Kernels&, const DenseCase&);
// Against float64, where there are such kernels.
Judge checkTilesForward(const Kernels&, const DenseCase&);
Judge checkTilesBackward(const Kernels&, const DenseCase&);
// Several steps of an optimiser on a kernel and a bias, driven by the gradients that UpdateKind::Store gives.
Judge checkOptimizer(const Kernels&, const DenseCase&, UpdateKind);
// A NaN in the batch, in the weights or in the bias reaches every value that depends on it, and no other.
Judge checkNan(const Kernels&, Activation);
// The whole chain of two layers, gradients included, against the float64 model.
Judge checkChain(const Kernels&, const DenseCase&);

// The groups of main.cc.
void compareKernels(const Kernels&, Report&);      // the case table
void compareTiles(const Kernels&, Report&);
// A table whose dense kernels are those by tiles.
Kernels denseByTiles(const Kernels&);
void compareElementwise(const Kernels&, Report&);  // activations over all of float32
void compareLengths(const Kernels&, Report&);      // the same at every short length, scaling
void compareSoftmax(const Kernels&, Report&);
void compareWholes(const Kernels&, Report&);       // passes over whole gradients and weights
void compareNormalization(const Kernels&, Report&);
void compareGradients(Report&);  // central differences, float64 only
void compareChains(const Kernels&, Report&);
void runControls(Report&);
void checkPhilox(Report&);
void checkBenchError(Report&);
void checkScratch(Report&);
void timeKernels(const Kernels&, Report&);  // checks each case first

}  // namespace fusor::test
