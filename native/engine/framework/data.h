// Rows as tensors where the framework trainer computes: on a GPU copies, made when a data set is first used and freed at the
// first call after the host's is gone; on the CPU the host's own memory.
#pragma once
#include <list>
#include <memory>

#include "../plan.h"
#include "torch.h"
#include "torch_place.h"

namespace fusor::framework {

struct Rows {
  std::weak_ptr<const int> life;  // of the data set that it is of
  at::Tensor x;                   // [rows, features], bytes or floats
  at::Tensor targets;             // labels [rows] or values [rows, outputs]; undefined where there is x only
  at::Tensor weights;             // [rows]; undefined where there are none
};

struct Batch {
  at::Tensor x, targets, weights;
  int64_t rows;
};

// Host memory as a tensor, without a copy; undefined where there is none.
template <class T>
at::Tensor wrap(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type) {
  if (values.empty()) return {};
  return at::from_blob(const_cast<T*>(values.data()), shape, type);
}

class Data {
 public:
  // plan outlives it. torch: null for the CPU.
  Data(const Plan& plan, std::shared_ptr<TorchPlace> torch) : plan_(plan), torch_(std::move(torch)) {}

  at::Device device() const { return torch_ ? torch_->device() : at::Device(at::kCPU); }
  at::Tensor onHost(const Dataset& data) const;  // x
  // Valid until the next call; the data set outlives what is done with it.
  const Rows& on(const Dataset& data);

  Batch gather(const Rows& rows, const at::Tensor& order) const;
  Batch slice(const Rows& rows, int64_t begin, int64_t end) const;

 private:
  Rows uploaded(const Dataset& data) const;
  Batch batchOf(const at::Tensor& x, const at::Tensor& targets, const at::Tensor& weights) const;

  const Plan& plan_;
  std::shared_ptr<TorchPlace> torch_;
  std::list<Rows> resident_;
};

}  // namespace fusor::framework
