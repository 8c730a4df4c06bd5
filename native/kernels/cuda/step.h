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
  LaunchStamp stamp;

  // The row of the data that the batch's row r is.
  DEVICE long long dataRow(int r) const {
    return control->order ? static_cast<long long>(control->order[first + r]) : control->first + first + r;
  }
  // Where a row's loss is kept.
  DEVICE long long resultRow(int r) const { return training ? r : first + r; }
};

// False where the step is not to be done.
DEVICE bool enter(const Call& call, Step& step) {
  const unsigned long long now = nanoseconds();
  const Control& control = *call.control;
  step.control = &control;
  step.index = control.base + call.offset;
  if (step.index >= control.end) return false;
  step.first = static_cast<long long>(step.index) * control.batch;
  step.rows = static_cast<int>(least<long long>(control.rows - step.first, control.batch));
  step.training = call.training != 0;
  step.number = control.number + step.index;
  step.seed = control.seed;
  step.stamp.begin(control, call, step.index, now);
  return true;
}

}  // namespace fusor::cuda
