// Results of a device on their way to the host, which may ask for more before it looks: who waits for them waits for nothing that
// the stream does after. Where the CPU plays the GPU, or computes, they are there at once.
#pragma once
#include <memory>

#include "torch.h"
#include "torch_place.h"

namespace fusor {

class Arrival {
 public:
  // torch: null for the CPU.
  explicit Arrival(std::shared_ptr<TorchPlace> torch) : torch_(std::move(torch)) {}
  ~Arrival();
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  // values: float64, contiguous.
  void send(const at::Tensor& values);
  // Valid until the next send.
  const double* wait();

 private:
  bool onDevice() const { return torch_ && torch_->stream(); }

  std::shared_ptr<TorchPlace> torch_;
  at::Tensor values_, host_;  // host_: pinned, or the copy would make the host wait
  cuda::Event event_ = nullptr;
};

}  // namespace fusor
