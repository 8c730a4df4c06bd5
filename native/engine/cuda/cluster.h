// The whole span in one launch, for small nets of two Dense layers on GPUs whose blocks can share memory
// (kernels/cuda/cluster.cu): which fit, and how they are launched.
#pragma once
#include <optional>

#include "../../kernels/cuda/params.h"
#include "network.h"

namespace fusor {

// What a float32 becomes in the first layer's products: the exact sum of three bfloat16, or of two, which are more than a tf32.
enum class CudaProducts { Tf32 = 2, Fp32 = 3 };

struct CudaCluster {
  cuda::Launch launch;
  int tiles, parts;  // of its rows: CudaData::pieces, which the span's x is
};

// Does up to `steps` steps from where `control` stands; none where the net, the batch or the device is not for it.
// stamped: and tells when.
std::optional<CudaCluster> cudaCluster(const Plan& plan, const CudaNetwork& network, cuda::Device& device, cuda::Control* control,
                                       int batch, bool bytes, CudaProducts products, int steps, bool stamped = false);

// The same for a span, which it knows by value.
cuda::Launch withSpan(const cuda::Launch& launch, const cuda::Control& span);

}  // namespace fusor
