// The step's loss and metrics, from those of its rows.
#pragma once
#include "step.h"

namespace fusor::cuda {

// By one warp, in float64 and a fixed order. A loss that is not finite makes this step the span's last.
DEVICE void makeSums(const Sums& sums, const Step& step, Control* control) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int which = -1; which < sums.metrics; ++which) {
    double total = 0;
    for (int r = lane; r < step.rows; r += 32) {
      total += which < 0 ? sums.rowLosses[r] : sums.rowMetrics[static_cast<long long>(r) * sums.metrics + which];
    }
    total = warpSum(total);
    const float mean = static_cast<float>(total / step.rows);
    if (lane != 0) continue;
    if (which >= 0) {
      control->metrics[static_cast<long long>(which) * control->steps + step.index] = mean;
      continue;
    }
    control->losses[step.index] = mean;
    if (!isfinite(mean)) control->end = step.index + 1;
  }
}

}  // namespace fusor::cuda
