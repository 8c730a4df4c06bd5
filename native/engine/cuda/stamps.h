// When a span's kernels ran, for a profile: memory for what they stamp (kernels/cuda/stamp.h), and that as a track.
#pragma once

#include "../../kernels/cuda/params.h"
#include "recipe.h"

namespace fusor {

class CudaStamps {
 public:
  // Opens `stamps`. does: what each launch of a step does, and nothing where a cluster does `stepsALaunch` steps at once.
  CudaStamps(cuda::Device& device, const Plan& plan, Stamps& stamps, std::vector<CudaDoes> does, int stepsALaunch, int64_t steps);

  // Where the kernels put it.
  void place(cuda::Control& control) const;
  // The host has just seen that so many steps of the span are done.
  void seen(int64_t steps);
  // Once the span is over: the track. Waits for the device.
  void collect();

 private:
  struct Sight {
    int64_t steps;
    double at;  // microseconds
  };
  // In nanoseconds of the device.
  void add(Phase phase, int layer, int64_t step, double begin, double end);
  void readLaunches(const std::vector<uint64_t>& all, int64_t steps);
  void readCluster(const std::vector<uint64_t>& all, int64_t steps);

  cuda::Device& device_;
  Stamps& stamps_;
  const std::vector<CudaDoes> does_;
  const int stepsALaunch_, clusterLaunches_;
  int layers_[2] = {-1, -1};  // the first Dense and the last, in the plan
  const int64_t steps_;
  std::unique_ptr<cuda::Memory> memory_;
  size_t words_;
  std::vector<Sight> sights_;
};

// Microseconds a launch that does nothing takes.
double launchMicroseconds(cuda::Device& device, cuda::Control* control);

}  // namespace fusor
