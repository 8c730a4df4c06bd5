// When kernels do what, for a profile: compiled in where STAMPED is defined, and nothing at all otherwise. Stamps go to the
// memory that Control names; engine/cuda/stamps.cc reads them.
#pragma once
#include "params.h"
#include "platform.h"

namespace fusor::cuda {

#ifdef STAMPED

#ifdef FUSOR_EMULATED
DEVICE unsigned long long nanoseconds() {
  return fusorRuntime->nanoseconds();
}
DEVICE unsigned cycles() { return static_cast<unsigned>(nanoseconds()); }
DEVICE void keepGreatest(unsigned long long* at, unsigned long long value) { *at = least(value, *at) == value ? *at : value; }
#else
// The GPU's own clock. It may tick in microseconds only: means over many steps are finer.
DEVICE unsigned long long nanoseconds() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}
// The multiprocessor's: fine, and without a zero.
DEVICE unsigned cycles() {
  unsigned now;
  asm volatile("mov.u32 %0, %%clock;" : "=r"(now));
  return now;
}
DEVICE void keepGreatest(unsigned long long* at, unsigned long long value) { atomicMax(at, value); }
#endif

// A launch of a step, or a phase of a grid (grid.cu): begun where its first block begins, ended where the last of some sixteen
// blocks ends.
class LaunchStamp {
 public:
  DEVICE void begin(const Control& control, int launch, int step, unsigned long long now) {
    const unsigned blocks = gridDim.x * gridDim.y, block = blockIdx.y * gridDim.x + blockIdx.x;
    const unsigned apart = blocks < 32 ? 1 : blocks / 16;
    if (threadIdx.x != 0 || block % apart != 0) return;
    at_ = control.stamps + 2 * (static_cast<long long>(step) * control.launches + launch);
    if (block == 0) at_[0] = now;
  }
  DEVICE void end() {
    if (at_) keepGreatest(at_ + 1, nanoseconds());
    at_ = nullptr;
  }
  DEVICE ~LaunchStamp() { end(); }

 private:
  unsigned long long* at_ = nullptr;
};

// The phases within a launch of cluster.cu, as a thread of block 0 has them: cycles where each begins, and what the
// cycles of the launch's first and last stamp are in nanoseconds.
class BorderStamps {
 public:
  // steps: of a launch, of which this one begins with step `begin`.
  DEVICE BorderStamps(const Control& control, int steps, int begin, bool mine) {
    if (!mine) return;
    control.stamps[2 * (begin / steps)] = nanoseconds();
    borders_ = reinterpret_cast<unsigned*>(control.stamps + 2 * ((control.steps + steps - 1) / steps));
  }
  DEVICE void at(int step, ClusterBorder border) const {
    if (borders_) borders_[step * kClusterBorders + static_cast<int>(border)] = cycles();
  }
  // end: the step after the last one that was done.
  DEVICE void finish(const Control& control, int steps, int begin, int end) const {
    if (!borders_ || end == begin) return;
    at(end - 1, ClusterBorder::End);
    control.stamps[2 * (begin / steps) + 1] = nanoseconds();
  }

 private:
  unsigned* borders_ = nullptr;
};

#else

DEVICE unsigned long long nanoseconds() { return 0; }

struct LaunchStamp {
  DEVICE void begin(const Control&, int, int, unsigned long long) {}
  DEVICE void end() {}
};

struct BorderStamps {
  DEVICE BorderStamps(const Control&, int, int, bool) {}
  DEVICE void at(int, ClusterBorder) const {}
  DEVICE void finish(const Control&, int, int, int) const {}
};

#endif

}  // namespace fusor::cuda
