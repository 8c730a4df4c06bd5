#include "stamps.h"

#include <algorithm>
#include <cmath>

namespace fusor {
namespace {

constexpr int kStream = 1;           // the track, behind the session's
constexpr double kTicks = 16;        // of a nanosecond
constexpr size_t kHostStamps = 4096;  // of the session's own

}  // namespace

CudaStamps::CudaStamps(cuda::Device& device, const Plan& plan, Stamps& stamps, std::vector<CudaDoes> does, int stepsALaunch,
                       int64_t steps)
    : device_(device), stamps_(stamps), does_(std::move(does)), stepsALaunch_(stepsALaunch),
      clusterLaunches_(does_.empty() ? static_cast<int>((steps + stepsALaunch - 1) / stepsALaunch) : 0), steps_(steps),
      words_(does_.empty() ? 2 * clusterLaunches_ + cuda::kClusterBorders / 2 * steps : 2 * does_.size() * steps) {
  for (size_t l = 0; l < plan.layers.size(); ++l) {
    if (plan.layers[l].kind != LayerKind::Dense) continue;
    if (layers_[0] < 0) layers_[0] = static_cast<int>(l);
    layers_[1] = static_cast<int>(l);
  }
  memory_ = device.allocate(words_ * sizeof(uint64_t));
  device.fill(memory_->address(), 0, words_ * sizeof(uint64_t));
  stamps.open({"session", "GPU stream"}, kHostStamps);
  stamps.leading = kStream;
  stamps.tracks[kStream].stamps.reserve(steps * std::max<size_t>(does_.size(), cuda::kClusterBorders));
}

void CudaStamps::place(cuda::Control& control) const {
  control.stamps = reinterpret_cast<unsigned long long*>(memory_->address());
  control.launches = static_cast<int>(does_.size());
}

void CudaStamps::seen(int64_t steps) { sights_.push_back({steps, microseconds()}); }

void CudaStamps::add(Phase phase, int layer, int64_t step, double begin, double end) {
  stamps_.tracks[kStream].stamps.push_back({static_cast<uint64_t>(std::lround(begin * kTicks)), static_cast<uint64_t>(std::lround(end * kTicks)),
                                            static_cast<int32_t>(step), static_cast<int16_t>(layer), -1, phase});
}

// [steps][launches][begin, end]
void CudaStamps::readLaunches(const std::vector<uint64_t>& all, int64_t steps) {
  const uint64_t zero = all[0];  // the device's time of the first stamp
  double before = 0;
  for (int64_t s = 0; s < steps; ++s) {
    for (size_t l = 0; l < does_.size(); ++l) {
      const uint64_t* at = &all[2 * (s * does_.size() + l)];
      if (at[0] < zero || at[1] < at[0]) continue;  // not launched: the device's memory is as it was filled
      // On a stream one comes after the other; clocks of several multiprocessors may differ by a tick.
      const double begin = std::max(before, static_cast<double>(at[0] - zero)), end = std::max(begin, static_cast<double>(at[1] - zero));
      add(does_[l].phase, does_[l].layer, s, begin, end);
      before = end;
    }
  }
}

// [launches][begin, end], then the borders of the steps in cycles.
void CudaStamps::readCluster(const std::vector<uint64_t>& all, int64_t steps) {
  using cuda::ClusterBorder;
  const auto* borders = reinterpret_cast<const uint32_t*>(&all[2 * clusterLaunches_]);
  const auto at = [&](int64_t step, ClusterBorder border) { return borders[step * cuda::kClusterBorders + static_cast<int>(border)]; };
  const struct {
    Phase phase;
    int layer;
  } does[] = {{Phase::Gather, -1}, {Phase::Forward, layers_[0]}, {Phase::Forward, layers_[1]}, {Phase::Wait, -1}, {Phase::Loss, -1},
              {Phase::Wait, -1}, {Phase::BackwardUpdate, layers_[1]}, {Phase::BackwardUpdate, layers_[0]}, {Phase::Record, -1}};
  constexpr auto kFirst = ClusterBorder::Rows;
  constexpr int kCount = static_cast<int>(ClusterBorder::End);
  static_assert(sizeof does / sizeof *does == kCount);
  const uint64_t zero = all[0];
  for (int64_t first = 0, launch = 0; first < steps; first += stepsALaunch_, ++launch) {
    const int64_t last = std::min<int64_t>(first + stepsALaunch_, steps) - 1;
    // Cycles are 32 bits and wrap: a border lies less than that behind the one before it.
    std::vector<double> cycles{0};
    uint32_t before = at(first, kFirst);
    const auto next = [&](uint32_t now) {
      cycles.push_back(cycles.back() + static_cast<double>(now - before));
      before = now;
    };
    for (int64_t s = first; s <= last; ++s) {
      for (int b = 1; b < kCount; ++b) next(at(s, static_cast<ClusterBorder>(b)));
      next(s == last ? at(s, ClusterBorder::End) : at(s + 1, kFirst));
    }
    const double begin = static_cast<double>(all[2 * launch] - zero), took = static_cast<double>(all[2 * launch + 1] - all[2 * launch]);
    const double scale = cycles.back() > 0 ? took / cycles.back() : 0;
    // No clock of a GPU is so slow or so fast: a border is missing.
    if (!(scale > 0.1 && scale < 10)) {
      stamps_.lost += (last - first + 1) * kCount;
      continue;
    }
    size_t i = 0;
    for (int64_t s = first; s <= last; ++s) {
      for (const auto& [phase, layer] : does) {
        add(phase, layer, s, begin + scale * cycles[i], begin + scale * cycles[i + 1]);
        ++i;
      }
    }
  }
}

void CudaStamps::collect() {
  Track& track = stamps_.tracks[kStream];
  track.scale = 1e-3 / kTicks;
  const int64_t steps = sights_.empty() ? 0 : sights_.back().steps;
  if (steps == 0) return;
  std::vector<uint64_t> all(words_);
  device_.download(all.data(), memory_->address(), words_ * sizeof(uint64_t));
  if (does_.empty()) {
    readCluster(all, steps);
  } else {
    readLaunches(all, steps);
  }
  // The two clocks have no common zero: no step ended after the host had seen that it was done, and the time that this saw
  // soonest after its end is taken for that end.
  double latest = 1e300;
  size_t i = 0;
  for (const Sight& sight : sights_) {
    while (i < track.stamps.size() && track.stamps[i].step < sight.steps) ++i;
    if (i > 0) latest = std::min(latest, sight.at - track.scale * static_cast<double>(track.stamps[i - 1].end));
  }
  track.origin = latest;
}

double launchMicroseconds(cuda::Device& device, cuda::Control* control) {
  constexpr int kTimes = 200;
  const cuda::Launch nothing = cudaAdvance(device, control, 0);
  device.launch(nothing);
  device.synchronize();
  const double began = microseconds();
  for (int i = 0; i < kTimes; ++i) device.launch(nothing);
  device.synchronize();
  return (microseconds() - began) / kTimes;
}

}  // namespace fusor
