#include "bench_wrap.h"

#include <exception>
#include <thread>
#include <utility>

#include "../bench/bench.h"
#include "../bench/ceilings.h"
#include "../failure.h"
#include "convert.h"
#include "errors.h"

namespace fusor::addon {
namespace {

using bench::Op;

Op toOp(const std::string& name) {
  constexpr std::pair<const char*, Op> kNames[] = {
      {"forward", Op::Forward},
      {"forward-backward", Op::ForwardBackward},
      {"input-gradient", Op::InputGradient},
      {"weight-update", Op::WeightUpdate},
      {"sparse-forward", Op::SparseForward},
      {"sparse-update", Op::SparseUpdate},
      {"softmax-crossentropy", Op::SoftmaxCrossentropy},
      {"gather", Op::Gather},
      {"optimizer", Op::OptimizerStep},
  };
  for (const auto& [known, op] : kNames) {
    if (name == known) return op;
  }
  throw Failure("ERR_NATIVE_ARG", "no operation '" + name + "'");
}

// The greatest sizes that are measured: 4 GiB an array at most.
constexpr int64_t kMostElements = int64_t{1} << 30;

double toDensity(const Napi::Value& value) {
  const double density = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  require(density >= 0 && density <= 1, "density must be a number from 0 to 1");
  return density;
}

}  // namespace

Napi::Value ceilings(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  return guarded(env, [&]() -> Napi::Value {
    // A number of threads, or the device.
    const bool onCpu = call[0].IsNumber();
    const int threads = onCpu ? static_cast<int>(toInteger(call[0], "threads", 1, 1024)) : 0;
    const int gpu = onCpu ? Way::kCpu : toGpu(toText(call[0], "device"));
    require(onCpu || gpu != Way::kCpu, "ceilings are of a number of threads, or of a GPU");
    Ceilings measured;
    std::exception_ptr failure;
    std::thread([&] {
      try {
        measured = onCpu ? measureCeilings(threads) : measureGpuCeilings(gpu);
      } catch (...) {
        failure = std::current_exception();
      }
    }).join();
    if (failure) std::rethrow_exception(failure);
    Napi::Object flops = Napi::Object::New(env), object = Napi::Object::New(env);
    for (const auto& [isa, rate] : measured.flops) flops.Set(isa, rate);
    Napi::Array bandwidths = Napi::Array::New(env);
    for (const Bandwidth& bandwidth : measured.bandwidths) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("level", bandwidth.level);
      entry.Set("bytes", static_cast<double>(bandwidth.bytes));
      entry.Set("read", bandwidth.read);
      entry.Set("update", bandwidth.update);
      bandwidths.Set(bandwidths.Length(), entry);
    }
    object.Set("threads", threads);
    object.Set("flops", flops);
    object.Set("bandwidths", bandwidths);
    return object;
  });
}

Napi::Value benchKernel(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  return guarded(env, [&]() -> Napi::Value {
    require(call[0].IsObject(), "benchKernel needs a job");
    const Napi::Object job = call[0].As<Napi::Object>();
    const auto integer = [&](const char* name, int64_t least) {
      return static_cast<int>(toInteger(job.Get(name), name, least, 1 << 24));
    };
    const bench::Case c{toOp(toText(job.Get("op"), "op")), integer("batch", 1), integer("inputs", 1), integer("units", 1),
                        static_cast<int>(toInteger(job.Get("threads"), "threads", 1, 1024)), toDensity(job.Get("density"))};
    for (const auto [rows, columns] : {std::pair{c.batch, c.inputs}, {c.batch, c.units}, {c.inputs, c.units}}) {
      require(int64_t{rows} * columns <= kMostElements, "the operation is too large to measure");
    }
    const std::vector<std::string> variants = toTexts(job.Get("variants"), "variants");
    const bench::Repetitions repetitions{integer("warmup", 0), integer("repetitions", 1), static_cast<double>(integer("seconds", 0))};
    const auto all = bench::measure(c, variants, repetitions);
    Napi::Array results = Napi::Array::New(env);
    for (const bench::Measured& measured : all) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("variant", measured.variant);
      entry.Set("available", measured.available);
      entry.Set("error", measured.error.worst);
      entry.Set("allowed", measured.error.allowed);
      entry.Set("computed", measured.computed);
      entry.Set("seconds", toNumbers(env, measured.seconds));
      results.Set(results.Length(), entry);
    }
    return results;
  });
}

}  // namespace fusor::addon
