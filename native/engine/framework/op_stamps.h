// libtorch's operations as they run, through its RecordFunction callbacks: the part of its profiler that is public, that
// every libtorch has, with Kineto or without, and whose stamps lie on the clock of ours.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

#include "../stamps.h"

namespace fusor {

// Operations are stamped in one step of so many: a callback costs as much as a small operation does.
constexpr int kOpsEvery = 8;

// While it lives, every operation that the calling thread dispatches is stamped on the first track.
class OpStamps {
 public:
  explicit OpStamps(Stamps& stamps);
  ~OpStamps();
  OpStamps(const OpStamps&) = delete;
  OpStamps& operator=(const OpStamps&) = delete;

 private:
  uint64_t handle_;
};

// What an operation on one number costs there: dispatch, allocation, nothing to compute.
double smallestOpMicroseconds(at::Device device);

}  // namespace fusor
