// The rows that the next call will read: a share of them at each of the groups of 16 features.
#pragma once
#include "kernels.h"

namespace {

using fusor::BytesBackward;
using fusor::DenseBackward;

class Coming {
 public:
  explicit Coming(const BytesBackward& d)
      : row_(d.coming), end_(d.coming + d.comingRows), lines_((d.inputs + 63) / 64) {
    const long groups = (d.features.size() + 15) / 16;
    share_ = groups ? (lines_ * d.comingRows + groups - 1) / groups : 0;
  }
  explicit Coming(const DenseBackward&) : row_(nullptr), end_(nullptr), lines_(0) {}

  // Always inlined: GCC takes a call that does nothing but fetch ahead for one that does nothing.
  inline __attribute__((always_inline)) void fetchShare() {
    for (long i = 0; i < share_ && row_ != end_; ++i) {
      __builtin_prefetch(*row_ + 64 * line_, 0, 2);
      if (++line_ == lines_) line_ = 0, ++row_;
    }
  }

 private:
  const uint8_t* const* row_;
  const uint8_t* const* end_;
  const long lines_;
  long line_ = 0, share_ = 0;
};

}  // namespace
