// fusor.node. Everything that an environment owns hangs on its instance: no statics, so worker threads get their own.
#include <ATen/Version.h>
#include <napi.h>
#include <torch/version.h>

#include "../engine/cores.h"
#include "../engine/trainer_for.h"
#include "../kernels/cpu/kernels.h"
#include "bench_wrap.h"
#include "convert.h"
#include "cuda_wrap.h"
#include "errors.h"
#include "faults.h"
#include "session_wrap.h"

namespace fusor::addon {

class Module : public Napi::Addon<Module> {
 public:
  Module(Napi::Env env, Napi::Object exports) : workers_(env) {
    DefineAddon(exports, {InstanceMethod("info", &Module::info)});
    exports.Set("Session", SessionWrap::define(env, workers_));
    exports.Set("ceilings", Napi::Function::New(env, ceilings, "ceilings"));
    exports.Set("benchKernel", Napi::Function::New(env, benchKernel, "benchKernel"));
    exports.Set("cudaDevices", Napi::Function::New(env, cudaDevices, "cudaDevices"));
    exports.Set("fusedObstacle", Napi::Function::New(env, obstacle, "fusedObstacle"));
    defineFault(exports);
  }

 private:
  // (plan, options of a session) -> string | null: why fused kernels do not run it that way.
  static Napi::Value obstacle(const Napi::CallbackInfo& call) {
    return guarded(call.Env(), [&]() -> Napi::Value {
      require(call[1].IsObject(), "fusedObstacle needs a plan and options");
      const std::string reason = fusedObstacle(toPlan(call[0]), toWay(call[1].As<Napi::Object>()));
      return reason.empty() ? call.Env().Null() : Napi::String::New(call.Env(), reason);
    });
  }

  // What was loaded, and what it can run here.
  Napi::Value info(const Napi::CallbackInfo& call) {
    return guarded(call.Env(), [&] { return describe(call.Env()); });
  }

  Napi::Value describe(Napi::Env env) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("libtorch", TORCH_VERSION);
    object.Set("cores", availableCores());
    object.Set("isa", bestKernels()->name);
    Napi::Array isas = Napi::Array::New(env);
    for (const char* name : kInstructionSets) {
      if (kernelsByName(name)) isas.Set(isas.Length(), name);
    }
    object.Set("isas", isas);
    object.Set("blas", at::get_cpu_capability());
    return object;
  }

  Workers workers_;
};

}  // namespace fusor::addon

using FusorModule = fusor::addon::Module;
NODE_API_ADDON(FusorModule)
