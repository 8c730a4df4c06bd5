// A plan's parameters on a GPU: each Dense layer's kernel and bias as one matrix [inputs + 1, outputs], the bias being its
// last row; the optimiser's slots likewise.
#pragma once
#include <algorithm>
#include <memory>

#include "../../cuda/device.h"
#include "../plan.h"

namespace fusor {

// Strides of matrices on the device: rows are 16-byte aligned.
inline int strideOn(int width) { return (width + 3) / 4 * 4; }

struct CudaStage {
  int inputs, outputs, ld;
  bool useBias, trainable;
  Activation activation;
  Restraint kernel, bias;
  std::vector<Layer> after;  // the layers between this Dense and the next, or the end
  std::unique_ptr<cuda::Memory> weights, slots[3];

  int rows() const { return inputs + useBias; }
  size_t floats() const { return static_cast<size_t>(rows()) * ld; }
  float* weightsAt() const { return reinterpret_cast<float*>(weights->address()); }
  // What the kernels get where an optimiser has no such slot: never read.
  float* slotAt(int i) const { return slots[i] ? reinterpret_cast<float*>(slots[i]->address()) : weightsAt(); }
};

class CudaNetwork {
 public:
  CudaNetwork(const Plan& plan, cuda::Device& device);

  State read() const;  // all but the step
  double penalty() const;  // what the weights add to the loss
  void write(const State& state);

  std::vector<Layer> before;  // the layers before the first Dense
  std::vector<CudaStage> stages;

  // The first that is trained: gradients go no further down.
  size_t lowest() const { return std::ranges::find_if(stages, &CudaStage::trainable) - stages.begin(); }

 private:
  std::vector<float> download(const CudaStage& stage, const cuda::Memory& from) const;
  void upload(const CudaStage& stage, const cuda::Memory& to, const std::vector<float>& kernel, const float* bias);

  cuda::Device& device_;
  const int slots_;
};

}  // namespace fusor
