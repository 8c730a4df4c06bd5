// Measuring from JavaScript. These calls block: a child process makes them.
#pragma once
#include <napi.h>

namespace fusor::addon {

// (threads or 'cuda:N') -> {threads, flops: {avx512: …}, bandwidths: [{level, bytes, read, update}]}
Napi::Value ceilings(const Napi::CallbackInfo& call);
// ({op, batch, inputs, units, threads, density, variants, warmup, repetitions, seconds})
//   -> [{variant, available, error, allowed, computed, seconds: [a call, one a repetition]}]
Napi::Value benchKernel(const Napi::CallbackInfo& call);

}  // namespace fusor::addon
