// How far the host runs ahead of a device before it looks at results: far enough that the device never waits, near enough
// that an abort, progress and a loss that is not finite are heard of soon.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace fusor {

class Ahead {
 public:
  // How many steps to ask for before waiting for them.
  int64_t steps() const { return steps_; }

  void begin() { begun_ = Clock::now(); }
  // So many steps are done, which began when begin() was called, or when those before them were done.
  void done(int64_t steps) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    const auto fitting = static_cast<int64_t>(kSeconds * static_cast<double>(steps) / std::max(seconds, 1e-9));
    steps_ = std::clamp<int64_t>(fitting, 1, std::min<int64_t>(4 * steps_, kMost));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr double kSeconds = 0.02;  // a queue holds two of them
  static constexpr int64_t kMost = 4096;
  int64_t steps_ = 4;
  Clock::time_point begun_;
};

}  // namespace fusor
