// A GPU as libtorch uses it: its context, its memory, and a stream that libtorch's operations and our launches share. Builds
// against any libtorch; one without CUDA is told so at run time.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../../cuda/driver_device.h"
#include "torch.h"
#include "torch_cuda.h"
#include "../trainer_for.h"

namespace fusor {

class TorchPlace {
 public:
  // index: a GPU's number or Way::kPlayed. Made, used and destroyed in one thread, which is from now on on this device and stream. Throws Failure
  // ERR_BACKEND_UNAVAILABLE, ERR_DEVICE_LOST, ERR_OUT_OF_MEMORY.
  explicit TorchPlace(int index);
  ~TorchPlace();
  TorchPlace(const TorchPlace&) = delete;
  TorchPlace& operator=(const TorchPlace&) = delete;

  at::Device device() const {
    return index_ == Way::kPlayed ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index_));
  }
  int index() const { return index_; }
  cuda::Stream stream() const { return stream_; }  // null where the CPU plays the GPU
  std::string architecture() const { return architecture_; }  // "sm_90"
  // Whether so many bytes could be had now, found by asking for them.
  bool fits(size_t bytes) const;
  // Waits for all that was asked for.
  void synchronize() const;

  // Runs f with what libtorch throws of the device as a Failure.
  template <class F>
  auto contained(F f) const -> decltype(f()) {
    try {
      return f();
    } catch (const c10::Error&) {
      rethrow();
    }
  }

 private:
  [[noreturn]] void rethrow() const;

  int index_;
  std::string architecture_;
  cuda::Stream stream_ = nullptr;

  friend cuda::Place placeOf(const std::shared_ptr<TorchPlace>& torch);
};

// For our own kernels; memory from libtorch's caching allocator.
cuda::Place placeOf(const std::shared_ptr<TorchPlace>& torch);

}  // namespace fusor
