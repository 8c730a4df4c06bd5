#include "arrival.h"

#include "../../cuda/driver.h"

namespace fusor {

Arrival::~Arrival() {
  if (!event_) return;
  if (cuda::isLost(torch_->index())) {
    new auto(std::move(values_));  // not given back to a device that is lost
    new auto(std::move(host_));
    return;
  }
  cuda::driver().eventSynchronize(event_);  // a copy may still be under way, where an error came between
  cuda::driver().eventDestroy(event_);
}

void Arrival::send(const at::Tensor& values) {
  values_ = values;
  if (!onDevice()) return;
  const auto check = [&](cuda::Result result, const char* doing) { cuda::check(result, torch_->index(), doing); };
  if (!host_.defined() || host_.numel() < values.numel()) {
    if (event_) check(cuda::driver().eventSynchronize(event_), "waiting for its work");  // after an error it may not have been waited for
    host_ = at::empty({values.numel()}, at::TensorOptions().dtype(at::kDouble).pinned_memory(true));
  }
  if (!event_) check(cuda::driver().eventCreate(&event_, cuda::kNoTiming), "making an event");
  // Not by copy_: libtorch would take note of the stream, and ask it, lost or not, when the memory is freed.
  const auto from = reinterpret_cast<cuda::Address>(values.data_ptr());
  check(cuda::driver().memcpyDtoHAsync(host_.data_ptr(), from, values.nbytes(), torch_->stream()), "downloading results");
  check(cuda::driver().eventRecord(event_, torch_->stream()), "recording an event");
}

const double* Arrival::wait() {
  if (!onDevice()) return values_.data_ptr<double>();
  cuda::check(cuda::driver().eventSynchronize(event_), torch_->index(), "waiting for its work");
  return host_.data_ptr<double>();
}

}  // namespace fusor
