// Many steps of a net in one launch, whose blocks wait for each other between the phases of a step (kernels/cuda/grid.cu): the launches
// of a recipe, in one. The same bits; which of the two is faster depends on the GPU and the net.
#pragma once
#include <optional>

#include "recipe.h"

namespace fusor {

struct CudaGrid {
  cuda::Launch launch;
  std::unique_ptr<cuda::Memory> arrived;  // of its barrier
};

// Empty where the recipe has other launches than those of at most three hidden layers and an optimiser that needs no more than its own
// weight's gradient, or where the GPU cannot hold its blocks. Its kernel is compiled: that takes longer than several of the recipe's.
std::optional<CudaGrid> cudaGrid(const CudaRecipe& recipe, cuda::Device& device, cuda::Control* control, bool stamped);

// For a span, of which it does so many steps at most.
cuda::Launch withSpan(const CudaGrid& grid, const cuda::Control& span, int steps);

}  // namespace fusor
