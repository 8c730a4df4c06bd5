// The step's loss and metrics, from those of its rows.
#pragma once
#include "step.h"

namespace fusor::cuda {

// The sum of all threads' values, in thread 0.
template <int WARPS>
DEVICE double blockSum(double value, double* shared) {
  value = warpSum(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0;
  for (int w = 0; threadIdx.x == 0 && w < WARPS; ++w) total += shared[w];
  return total;
}

// By a whole block, a warp a sum, in float64 and a fixed order. A loss that is not finite makes this step the span's last, in `control`.
// penalty: what weights add to the loss.
DEVICE void makeSums(const Sums& sums, const Step& step, Control* control, double penalty = 0) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warps = static_cast<int>(blockDim.x) / 32;
  const Control& span = *step.control;
  for (int which = static_cast<int>(threadIdx.x) / 32 - 1; which < sums.metrics; which += warps) {
    double total = 0;
    for (int r = lane; r < step.rows; r += 32) {
      total += which < 0 ? sums.rowLosses[r] : sums.rowMetrics[static_cast<long long>(r) * sums.metrics + which];
    }
    total = warpSum(total);
    const float mean = static_cast<float>(total / step.rows + (which < 0 ? penalty : 0));
    if (lane != 0) continue;
    if (which >= 0) {
      span.metrics[static_cast<long long>(which) * span.steps + step.index] = mean;
      continue;
    }
    span.losses[step.index] = mean;
    if (!isfinite(mean)) control->end = step.index + 1;
  }
}

}  // namespace fusor::cuda
