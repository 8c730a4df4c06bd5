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

  // Of the span that `c` says; control: where others find it.
  DEVICE void take(const Control& c, const Control* at, int which, bool trains) {
    seed = c.seed;
    x = c.x;
    order = c.order;
    control = at;
    index = which;
    first = static_cast<long long>(index) * c.batch;
    rows = static_cast<int>(least<long long>(c.rows - first, c.batch));
    training = trains;
    number = c.number + index;
  }

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
  const int index = c.base + call.offset;
  if (index >= c.end) return false;
  step.take(c, call.control, index, call.training != 0);
  step.stamp.begin(*call.control, call.launch, index, now);
  return true;
}

}  // namespace fusor::cuda
