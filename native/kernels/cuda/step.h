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
  // Volatile: all of it is asked for before the first of it is looked at.
  const volatile Control& c = *call.control;
  const int base = c.base, end = c.end, batch = c.batch;
  const long long rows = c.rows;
  const unsigned long long number = c.number;
  step.seed = c.seed;
  step.x = c.x;
  step.order = c.order;
  step.control = call.control;
  step.index = base + call.offset;
  if (step.index >= end) return false;
  step.first = static_cast<long long>(step.index) * batch;
  step.rows = static_cast<int>(least<long long>(rows - step.first, batch));
  step.training = call.training != 0;
  step.number = number + step.index;
  step.stamp.begin(*call.control, call, step.index, now);
  return true;
}

}  // namespace fusor::cuda
