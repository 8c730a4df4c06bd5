// What to launch for a plan, a batch size and a purpose: plain data, worked out once.
#pragma once
#include <deque>

#include "../../kernels/cuda/params.h"
#include "network.h"

namespace fusor {

enum class CudaPurpose { Train, Evaluate, Predict };

// What a launch does of a step, for a profile. A loss of a layer: that layer's way forward and the gradients before it go with
// it; an update of no layer: of all.
struct CudaDoes {
  Phase phase;
  int layer = -1;  // index in the plan
};

struct CudaRecipe {
  std::vector<cuda::Launch> step;  // in order; `withOffset` says which step of the span they do
  std::vector<CudaDoes> does;      // a launch each
  std::vector<cuda::Program> programs;
  std::vector<std::unique_ptr<cuda::Memory>> memory;  // of the batch, freed with the recipe
  double work = 0;               // floating-point operations of a step, roughly
  cuda::Address rowLosses = 0;   // float64 [rows]
  cuda::Address rowMetrics = 0;  // float64 [rows][metrics]
  cuda::Address predictions = 0;  // [rows, ldPredictions]
  int ldPredictions = 0;
};

// rows: the greatest batch; results: rows whose losses are kept apart (1 batch where it trains); stamped: kernels tell when they
// run.
CudaRecipe cudaRecipe(const Plan& plan, const CudaNetwork& network, cuda::Device& device, const cuda::Control* control,
                      CudaPurpose purpose, bool bytes, int rows, int64_t results, bool stamped = false);

// What the kernels' OPTIMIZER is for a kind, and its constants that no step changes; what their ACTIVATION is.
const char* cudaNameOf(UpdateKind kind);
const char* cudaNameOf(Activation activation);
cuda::OptimizerConstants cudaConstants(const Optimizer& optimizer);

// What the kernel is compiled for: a define's value.
const std::string& valueOf(const cuda::Program& program, const char* define);

cuda::Launch withOffset(const cuda::Launch& launch, int offset);

// What the span's end needs: moves it on by `steps`.
cuda::Launch cudaAdvance(cuda::Device& device, cuda::Control* control, int steps);

}  // namespace fusor
