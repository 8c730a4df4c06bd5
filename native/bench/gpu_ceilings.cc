#include <algorithm>

#include "../cuda/driver.h"
#include "ceilings.h"
#include "../engine/framework/event_stamps.h"
#include "../engine/framework/torch.h"

namespace fusor {
namespace {

constexpr int kTries = 3;
constexpr int64_t kMatrix = 4096;
constexpr int64_t kMemory = int64_t{256} << 20;  // bytes of a copy: more than any cache holds

// Best seconds of one of `times` calls of `work`, which are asked for while the device is still busy: so that it never waits.
template <class F>
double bestSeconds(Events& events, const at::Tensor& busy, int times, F work) {
  double best = 1e300;
  for (int i = 0; i < kTries; ++i) {
    events.restart();
    at::mm(busy, busy);
    const int begin = events.mark();
    for (int t = 0; t < times; ++t) work();
    const int end = events.mark();
    const std::vector<double> at = events.nanoseconds();
    best = std::min(best, (at[end] - at[begin]) / times / 1e9);
  }
  return best;
}

}  // namespace

Ceilings measureGpuCeilings(int index) {
  const auto torch = std::make_shared<TorchPlace>(index);
  Events events(torch);
  const c10::InferenceMode mode;
  Ceilings ceilings{0, {}, {}};
  torch->contained([&] {
    const auto floats = at::TensorOptions().dtype(at::kFloat).device(torch->device());
    const int64_t n = torch->stream() ? kMatrix : 256;
    const at::Tensor busy = at::rand({n, n}, floats);
    const auto products = [&](const char* precision, const at::Tensor& a) {
      const at::Tensor b = at::rand({n, n}, floats).to(a.scalar_type());
      at::mm(a, b);  // the library chooses how
      const double seconds = bestSeconds(events, busy, 3, [&] { at::mm(a, b); });
      ceilings.flops.emplace_back(precision, 2.0 * static_cast<double>(n * n) * static_cast<double>(n) / seconds);
    };
    at::globalContext().setAllowTF32CuBLAS(false);
    products("fp32", busy);
    at::globalContext().setAllowTF32CuBLAS(true);
    products("tf32", busy);
    at::globalContext().setAllowTF32CuBLAS(false);
    products("bf16", busy.to(at::kBFloat16));

    // Read and written bytes both counted.
    const auto copies = [&](const char* level, int64_t holds, int64_t bytes) {
      const at::Tensor from = at::ones({bytes}, floats.dtype(at::kByte)), to = at::empty_like(from);
      const double seconds = bestSeconds(events, busy, 20, [&] { to.copy_(from); });
      const double rate = 2.0 * static_cast<double>(bytes) / seconds;
      ceilings.bandwidths.push_back({level, holds, rate, rate});
    };
    int cache = 0;
    if (torch->stream()) cuda::check(cuda::driver().deviceGetAttribute(&cache, cuda::kCacheBytes, index), index, "asking for its cache");
    if (cache > 0) copies("L2", cache, cache / 4);
    copies("memory", 0, torch->stream() ? kMemory : kMemory / 64);
    return true;
  });
  return ceilings;
}

}  // namespace fusor
