// What there is of CUDA, for people and for the choice of a device.
#pragma once
#include <napi.h>

namespace fusor::addon {

// cudaDevices() -> {driver, libtorchCuda, nvrtc, nvrtcReason, devices: [{name, capability, multiprocessors, memoryBytes}]}; versions as
// "13.0". Makes no context; may hang where the driver does: for a child process. Throws ERR_BACKEND_UNAVAILABLE "reason · where · cure"
// where nothing can run; libtorchCuda is null for a CPU build of libtorch, nvrtc where it is missing.
Napi::Value cudaDevices(const Napi::CallbackInfo& info);

}  // namespace fusor::addon
