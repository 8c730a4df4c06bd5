// Zeroed float32 memory, aligned to a cache line, and the packed form of a matrix (see kernels.h).
#pragma once
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "../kernels/cpu/kernels.h"
#include "fresh_memory.h"

namespace fusor {

class Floats {
 public:
  Floats() = default;
  explicit Floats(size_t count) : count_(count) {
    if (count == 0) return;
    // Where weights and slots pass through memory, looking up small pages takes a part of the time: 0.93 of it without, a step of
    // 2048-2048-2048 at batch 64.
    const size_t bytes = count * sizeof(float), unit = bytes < 2 * kLargePage ? 64 : kLargePage;
    const size_t room = (bytes + unit - 1) / unit * unit;
    data_ = static_cast<float*>(std::aligned_alloc(unit, room));
    if (!data_) throw std::bad_alloc();
    provide(data_, room);
    std::memset(data_, 0, room);
  }
  Floats(Floats&& other) noexcept : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Floats& operator=(Floats&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Floats() { std::free(data_); }

  float* data() { return data_; }
  const float* data() const { return data_; }
  size_t size() const { return count_; }

 private:
  float* data_ = nullptr;
  size_t count_ = 0;
};

// [rows, columns] row-major to panels of `width` columns, and back. A bias is a matrix of one row. The padding becomes zero, whatever
// a training that diverged left there.
inline void pack(const std::vector<float>& from, int rows, int columns, int width, float* to) {
  for (int c = 0; c < columns; c += width) {
    const int there = std::min(width, columns - c);
    for (int r = 0; r < rows; ++r, to += width) {
      std::copy_n(from.data() + static_cast<size_t>(r) * columns + c, there, to);
      std::fill_n(to + there, width - there, 0.0f);
    }
  }
}

inline std::vector<float> unpack(const float* from, int rows, int columns, int width) {
  std::vector<float> to(static_cast<size_t>(rows) * columns);
  for (int c = 0; c < columns; c += width) {
    for (int r = 0; r < rows; ++r, from += width) {
      std::copy_n(from, std::min(width, columns - c), to.data() + static_cast<size_t>(r) * columns + c);
    }
  }
  return to;
}

}  // namespace fusor
