// The plan's network as tensors: its weights and slots, a step, an evaluation, a prediction. Which rows and when is the trainer's.
#pragma once
#include <memory>

#include "../plan.h"
#include "../trainer_for.h"
#include "data.h"
#include "ops.h"
#include "torch_place.h"

namespace fusor::framework {

class Network {
 public:
  // plan outlives it. torch: null for the CPU.
  Network(const Plan& plan, std::shared_ptr<TorchPlace> torch, Precision precision)
      : plan_(plan), torch_(std::move(torch)), precision_(precision) {}

  State read() const;
  void write(const State& state);

  // One step of training, `number` since training began. The sums of its loss and metrics, as of evaluate, penalties included.
  at::Tensor train(const Batch& batch, int64_t number, double rate, Stamps* stamps);
  // That the last so many did not count.
  void takeBack(int64_t steps) { step_ -= steps; }
  // The sums over the rows [1 + metrics], float64: the loss without penalties, then the metrics.
  at::Tensor evaluate(const Batch& batch) const;
  at::Tensor predict(const at::Tensor& x) const;  // [rows, outputs]
  // What the regularizers add to the loss; undefined where there are none.
  at::Tensor penalty() const;

 private:
  // A layer's way forward, for its way back.
  struct Pass {
    at::Tensor x, w, z, y, factors;  // x and w: as the product took them
    Normalization normalization;
    Moments moments;
  };
  // Parameters that steps change, as the same memory.
  struct Trained {
    std::vector<at::Tensor> weights;
    std::vector<std::vector<at::Tensor>> slots;
    std::vector<Restraint> restraints;
  };

  at::Device device() const { return torch_ ? torch_->device() : at::Device(at::kCPU); }
  int indexOf(const Layer& layer) const { return static_cast<int>(&layer - plan_.layers.data()); }
  at::Tensor operand(const at::Tensor& x) const;
  at::Tensor dropoutFactors(const Layer& layer, int64_t step, int64_t rows) const;
  at::Tensor forward(at::Tensor x, const int64_t* step, std::vector<Pass>& passes, Stamps* stamps) const;
  std::vector<at::Tensor> backward(Gradient logits, const std::vector<Pass>& passes, Stamps* stamps) const;
  void update(std::vector<at::Tensor> gradients, double rate);
  bool accumulated(std::vector<at::Tensor>& gradients);
  std::vector<at::Tensor> resultsOf(const Outcome& outcome, const Batch& batch) const;
  Normalization normalizationOf(const Layer& layer, size_t first) const;
  void moveAverages(std::vector<Pass>& passes);
  void takeTrained();

  const Plan& plan_;
  const std::shared_ptr<TorchPlace> torch_;
  const Precision precision_;
  int64_t step_ = 0;
  std::vector<at::Tensor> weights_;             // in the contract's order; kernels [outputs, inputs], as torch has them
  std::vector<std::vector<at::Tensor>> slots_;  // [slot][parameter]
  Trained trained_;
};

}  // namespace fusor::framework
