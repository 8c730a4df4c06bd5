#include "cuda_wrap.h"

#include "../cuda/driver.h"
#include "../cuda/nvrtc.h"
#include "../failure.h"
#include "../engine/framework/torch_cuda.h"
#include "errors.h"

namespace fusor::addon {

Napi::Value cudaDevices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<cuda::Properties> devices = cuda::devicesHere();
    Napi::Object object = Napi::Object::New(env);
    object.Set("driver", cuda::versionText(cuda::driverVersion()));
    const int torch = torchCudaVersion();
    object.Set("libtorchCuda", torch == 0 ? env.Null() : Napi::String::New(env, cuda::versionText(torch)));
    object.Set("nvrtc", env.Null());
    object.Set("nvrtcReason", "");
    try {
      if (torch != 0) object.Set("nvrtc", cuda::versionText(cuda::Nvrtc(nvrtcFolders()).version()));
    } catch (const Failure& failure) {
      object.Set("nvrtcReason", std::string(failure.what()));
    }
    Napi::Array list = Napi::Array::New(env, devices.size());
    for (size_t i = 0; i < devices.size(); ++i) {
      const cuda::Properties& p = devices[i];
      Napi::Object device = Napi::Object::New(env);
      device.Set("name", p.name);
      device.Set("capability", std::to_string(p.major) + "." + std::to_string(p.minor));
      device.Set("multiprocessors", p.multiprocessors);
      device.Set("memoryBytes", static_cast<double>(p.memoryBytes));
      list.Set(static_cast<uint32_t>(i), device);
    }
    object.Set("devices", list);
    return object;
  });
}

}  // namespace fusor::addon
