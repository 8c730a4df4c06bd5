// Data sets on a GPU: copied there when they are first used, freed at the first call after the host's is gone.
#pragma once
#include <list>
#include <memory>

#include "../../cuda/device.h"
#include "../../kernels/cuda/params.h"
#include "../plan.h"

namespace fusor {

// Addresses of a data set's arrays; 0 where it has no such array.
struct CudaRows {
  cuda::Address x = 0, labels = 0, values = 0, weights = 0;
  bool bytes = false;

  // Tells kernels.
  void place(cuda::Control& control) const;
};

class CudaData {
 public:
  explicit CudaData(cuda::Device& device) : device_(device) {}
  // Valid until the next call.
  const CudaRows& on(const Dataset& data) { return entryOf(data).rows; }
  // x as a cluster takes it (kernels/cuda/pieces.cu), made when first asked for; 0 where there is no memory for it.
  cuda::Address pieces(const Dataset& data, int width, int tiles, int parts);

 private:
  struct Entry {
    std::weak_ptr<const int> life;
    std::vector<std::unique_ptr<cuda::Memory>> memory;
    CudaRows rows;
    cuda::Address pieces = 0;
  };
  Entry& entryOf(const Dataset& data);
  cuda::Device& device_;
  std::list<Entry> entries_;
};

}  // namespace fusor
