// The whole span in one launch, for small nets of two Dense layers on GPUs whose blocks can share memory
// (kernels/cuda/cluster.cu): which fit, and how they are launched.
#pragma once
#include "../kernels/cuda/params.h"
#include "cuda_network.h"

namespace fusor {

// How the first layer's products are made.
enum class CudaProducts { Ffma = 0, Tf32 = 1, SplitTf32 = 3 };

bool cudaClusterFits(const Plan& plan, const CudaNetwork& network, const cuda::Properties& device, int batch, bool bytes);

// Does up to `steps` steps from where `control` stands.
cuda::Launch cudaCluster(const Plan& plan, const CudaNetwork& network, cuda::Device& device, cuda::Control* control, int batch,
                         bool bytes, CudaProducts products, int steps);

}  // namespace fusor
