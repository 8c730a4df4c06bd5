#include "timeline.h"

#include "../engine/framework/ranges.h"
#include "convert.h"

namespace fusor::addon {

Delay toDelay(const Napi::Value& value) {
  require(value.IsObject(), "a delay must be an object");
  const Napi::Object object = value.As<Napi::Object>();
  const auto at = [&](const char* name, int64_t least, int64_t most) { return toInteger(object.Get(name), name, least, most); };
  return {static_cast<Phase>(at("phase", 0, static_cast<int>(Phase::Kernel))), static_cast<int>(at("layer", -1, 1 << 15)),
          static_cast<double>(at("microseconds", 0, 1000000))};
}

std::shared_ptr<Marker> toRanges(const Napi::Value& value) {
  const Napi::Value layers = value.As<Napi::Object>().Get("ranges");
  return layers.IsArray() ? makeRanges(toTexts(layers, "ranges")) : nullptr;
}

Napi::Object toObject(Napi::Env env, const Stamps& stamps, double returned) {
  size_t count = 0;
  Napi::Array tracks = Napi::Array::New(env), kernels = Napi::Array::New(env);
  for (const Track& track : stamps.tracks) {
    count += track.stamps.size();
    tracks.Set(tracks.Length(), track.name);
  }
  for (const std::string& name : stamps.kernels) kernels.Set(kernels.Length(), name);
  auto track = Napi::Uint16Array::New(env, count);
  auto phase = Napi::Uint8Array::New(env, count);
  auto layer = Napi::Int16Array::New(env, count), kernel = Napi::Int16Array::New(env, count);
  auto steps = Napi::Int32Array::New(env, count);
  auto density = Napi::Float32Array::New(env, count);
  auto begin = Napi::Float64Array::New(env, count), end = Napi::Float64Array::New(env, count);
  size_t i = 0;
  for (size_t t = 0; t < stamps.tracks.size(); ++t) {
    const Track& of = stamps.tracks[t];
    for (const Stamp& stamp : of.stamps) {
      track[i] = static_cast<uint16_t>(t);
      phase[i] = static_cast<uint8_t>(stamp.phase);
      layer[i] = stamp.layer;
      kernel[i] = stamp.kernel;
      steps[i] = stamp.step;
      density[i] = stamp.density;
      begin[i] = of.origin + of.scale * static_cast<double>(stamp.begin);
      end[i] = of.origin + of.scale * static_cast<double>(stamp.end);
      ++i;
    }
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("tracks", tracks);
  object.Set("kernels", kernels);
  object.Set("track", track);
  object.Set("phase", phase);
  object.Set("layer", layer);
  object.Set("kernel", kernel);
  object.Set("step", steps);
  object.Set("density", density);
  object.Set("begin", begin);
  object.Set("end", end);
  object.Set("launch", stamps.launch);
  object.Set("aside", stamps.aside);
  object.Set("lost", static_cast<double>(stamps.lost));
  object.Set("leading", stamps.leading);
  object.Set("returned", returned);
  return object;
}

}  // namespace fusor::addon
