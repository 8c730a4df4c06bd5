// Which step a launch belongs to.
#pragma once
#include "params.h"
#include "platform.h"
#include "stamp.h"

namespace fusor::cuda {

struct Step {
  const Control* control;
  int index;         // within the span
  int rows;          // in its batch
  long long first;   // its first row, in order
  bool training;
  unsigned long long number, seed;
  const void* x;
  const unsigned* order;
  LaunchStamp stamp;

  // The row of the data that the batch's row r is.
  DEVICE long long dataRow(int r) const {
    return order ? static_cast<long long>(order[first + r]) : control->first + first + r;
  }
  // Where a row's loss is kept.
  DEVICE long long resultRow(int r) const { return training ? r : first + r; }
};

// False where the step is not to be done.
DEVICE bool enter(const Call& call, Step& step) {
  const unsigned long long now = nanoseconds();
  // All of it is asked for before the first of it is looked at.
  Control c;
  loadNow<4>(call.control, &c);
  step.seed = c.seed;
  step.x = c.x;
  step.order = c.order;
  step.control = call.control;
  step.index = c.base + call.offset;
  if (step.index >= c.end) return false;
  step.first = static_cast<long long>(step.index) * c.batch;
  step.rows = static_cast<int>(least<long long>(c.rows - step.first, c.batch));
  step.training = call.training != 0;
  step.number = c.number + step.index;
  step.stamp.begin(*call.control, call, step.index, now);
  return true;
}

}  // namespace fusor::cuda
