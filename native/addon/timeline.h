// What a profile hears of a span: see NativeTimeline in src/backend/native/binding.ts.
#pragma once
#include <napi.h>

#include <memory>

#include "../engine/stamps.h"

namespace fusor::addon {

// {phase, layer, microseconds}
Delay toDelay(const Napi::Value& value);
// `ranges` of the same: the layers' names, to mark ranges of NVTX by. Null where they are not asked for, or this libtorch has no NVTX.
std::shared_ptr<Marker> toRanges(const Napi::Value& value);
// returned: microseconds of steady_clock when JavaScript's thread had the report.
Napi::Object toObject(Napi::Env env, const Stamps& stamps, double returned);

}  // namespace fusor::addon
