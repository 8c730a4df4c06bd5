#include "torch_place.h"

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>

#include "../../cuda/driver.h"
#include "../../failure.h"

namespace fusor {
namespace {

namespace fs = std::filesystem;

// libtorch gives freed pieces to the next who asks on the same stream: no call of the driver.
class TorchMemory : public cuda::Memory {
 public:
  TorchMemory(at::Tensor bytes, int index) : bytes_(std::move(bytes)), index_(index) {}
  ~TorchMemory() override {
    // Not given back to a device that is lost.
    if (cuda::isLost(index_)) new at::Tensor(std::move(bytes_));
  }
  cuda::Address address() const override { return reinterpret_cast<cuda::Address>(bytes_.data_ptr()); }

 private:
  at::Tensor bytes_;
  int index_;
};

// Streams outlive their sessions: libtorch keeps workspaces by stream, which a new stream a session would multiply.
class Streams {
 public:
  cuda::Stream take(int index) {
    const std::lock_guard lock(mutex_);
    std::vector<cuda::Stream>& free = free_[index];
    if (free.empty()) {
      // With its context, for good: libtorch does not let go of it either.
      kept_.push_back(cuda::plainPlace(index));
      return kept_.back().stream;
    }
    // In this thread it is not current yet; kept_ holds it.
    cuda::enterPrimaryContext(index);
    const cuda::Stream stream = free.back();
    free.pop_back();
    return stream;
  }
  void giveBack(int index, cuda::Stream stream) {
    const std::lock_guard lock(mutex_);
    free_[index].push_back(stream);
  }

 private:
  std::mutex mutex_;
  std::map<int, std::vector<cuda::Stream>> free_;
  std::vector<cuda::Place> kept_;
};

Streams& streams() {
  static auto* all = new Streams;
  return *all;
}

void refuseWithoutCuda(int index) {
  const std::string where = " · cuda:" + std::to_string(index) + " · ";
  if (torchCudaVersion() == 0) {
    throw Failure("ERR_BACKEND_UNAVAILABLE", std::string("libtorch ") + TORCH_VERSION + " is a CPU build" + where + "take a CUDA build");
  }
  const auto count = static_cast<int>(cuda::devicesHere().size());
  if (index >= count) {
    throw Failure("ERR_BACKEND_UNAVAILABLE",
                  "there is no such GPU" + where + "the last is cuda:" + std::to_string(count - 1));
  }
}

}  // namespace

TorchPlace::TorchPlace(int index) : index_(index), architecture_("played by the CPU") {
  if (index == Way::kPlayed) return;
  cuda::refuseIfLost(index);
  refuseWithoutCuda(index);
  const cuda::Properties properties = cuda::devicesHere()[index];
  architecture_ = "sm_" + std::to_string(properties.major * 10 + properties.minor);
  contained([&] {
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    // libtorch starts CUDA with its first tensor there.
    at::empty({1}, at::TensorOptions().device(device()).dtype(at::kByte));
    guard.setDevice(device());
    stream_ = streams().take(index);
    // To libtorch a stream that is not its own has its handle as its id.
    guard.exchangeStream(c10::Stream(c10::Stream::UNSAFE, device(), reinterpret_cast<intptr_t>(stream_)));
  });
}

TorchPlace::~TorchPlace() {
  if (index_ == Way::kPlayed || cuda::isLost(index_)) return;
  try {
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    guard.exchangeStream(guard.getDefaultStream(device()));
    if (cuda::driver().streamSynchronize(stream_) == cuda::kSuccess) streams().giveBack(index_, stream_);
  } catch (...) {
    // Nobody is left to hear.
  }
}

cuda::Place placeOf(const std::shared_ptr<TorchPlace>& torch) {
  const auto allocate = [torch](size_t bytes) -> std::unique_ptr<cuda::Memory> {
    return torch->contained([&] {
      const c10::InferenceMode mode;
      const auto options = at::TensorOptions().device(torch->device()).dtype(at::kByte);
      return std::make_unique<TorchMemory>(at::empty({static_cast<int64_t>(bytes)}, options), torch->index_);
    });
  };
  return {torch->index_, torch->stream_, allocate, torch};
}

void TorchPlace::synchronize() const {
  if (index_ != Way::kPlayed) cuda::check(cuda::driver().streamSynchronize(stream_), index_, "waiting for its work");
}

void TorchPlace::rethrow() const {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    const std::string what = error.what_without_backtrace();
    // "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.80 GiB of which 3.10 GiB is free. …"
    const size_t end = what.find(" is free");
    throw Failure("ERR_OUT_OF_MEMORY", "cuda:" + std::to_string(index_) + " is out of memory: " +
                                           (end == std::string::npos ? what.substr(0, what.find('\n')) : what.substr(0, end + 8)) +
                                           " · native backend · " + kSmallerBatch);
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    const std::string line = what.substr(0, what.find('\n'));
    const bool ofDevice = what.find("CUDA") != std::string::npos || what.find("CUBLAS") != std::string::npos;
    if (!ofDevice || index_ == Way::kPlayed) throw;
    // Whether it stays with the process is the driver's to say: it gives a sticky error again to whoever asks.
    const cuda::Result result = cuda::driver().streamQuery(stream_);
    if (cuda::isSticky(result)) throw cuda::failureOf(result, index_, line);
    throw Failure("ERR_NATIVE", line + " · cuda:" + std::to_string(index_));
  }
}

bool TorchPlace::fits(size_t bytes) const {
  if (index_ == Way::kPlayed) return true;
  try {
    at::empty({static_cast<int64_t>(bytes)}, at::TensorOptions().device(device()).dtype(at::kByte));
    return true;
  } catch (const c10::Error&) {  // out of memory, or more than there can be
    return false;
  }
}

int torchCudaVersion() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return 0;
  return static_cast<int>(at::detail::getCUDAHooks().versionCUDART());
}

std::vector<std::string> nvrtcFolders() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) || !info.dli_fname) return {};
  std::error_code none;
  const fs::path lib = fs::weakly_canonical(info.dli_fname, none).parent_path();
  std::vector<std::string> folders = {lib.string()};
  const fs::path wheels = lib.parent_path().parent_path() / "nvidia";
  // cuda_nvrtc for CUDA 12, cu13 for 13.
  for (const auto& entry : fs::directory_iterator(wheels, none)) {
    const std::string name = entry.path().filename().string();
    if (name == "cuda_nvrtc" || name.starts_with("cu1")) folders.push_back((entry.path() / "lib").string());
  }
  std::sort(folders.begin() + 1, folders.end());
  return folders;
}

}  // namespace fusor
