// The launches from the gradients of the layers' outputs to new weights.
#pragma once
#include "launches.h"

namespace fusor {

// What a layer's gradient is made of.
struct CudaGradient {
  const CudaStage& stage;
  cuda::Input input;
  const float* dz;  // before the activation, of so many floats a row
  int lddz;
};

// Of all layers that are trained, and the step's sums: one launch where the optimiser can follow on each tile of a gradient; more where
// something has to know whole gradients or weights.
void cudaUpdate(CudaLaunches& launches, const Plan& plan, const std::vector<CudaGradient>& gradients);

}  // namespace fusor
