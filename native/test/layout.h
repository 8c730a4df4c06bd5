// The memory layouts of kernels.h: packed weights, strided batches.
#pragma once
#include <algorithm>
#include <vector>

#include "guarded.h"

namespace fusor::test {

// The distance in memory from a row of so many values to the next.
inline long apart(int columns, int gap) { return columns + std::max(gap, 0); }

struct Stride {
  int width, panels;
  long packed;      // columns of weights
  long padded, ld;  // of a batch
  // gap: see DenseCase.
  Stride(int columns, int width, int gap)
      : width(width),
        panels((columns + width - 1) / width),
        packed(static_cast<long>(panels) * width),
        padded(gap < 0 && columns <= width / 2 ? width / 2 : packed),
        ld(padded + std::max(gap, 0)) {}
  // A batch ends with its last row's columns, not with the gap after them.
  size_t size(int rows) const { return static_cast<size_t>(rows - 1) * ld + padded; }
};

// Rows of `columns` values, `filled` columns in all (the rest of them `filler`), `ld` apart. What no kernel
// may read is NaN.
inline std::vector<float> strided(const std::vector<float>& m, int rows, int columns, long filled, long ld,
                                  float filler = 0) {
  std::vector<float> to(static_cast<size_t>(rows - 1) * ld + filled, poison());
  for (int r = 0; r < rows; ++r) {
    for (long c = 0; c < filled; ++c)
      to[r * ld + c] = c < columns ? m[static_cast<size_t>(r) * columns + c] : filler;
  }
  return to;
}

// [rows, columns] as panels of [rows][width]; a bias is a matrix of one row.
inline std::vector<float> packed(const std::vector<float>& m, int rows, int columns, int width) {
  const int panels = (columns + width - 1) / width;
  std::vector<float> to(static_cast<size_t>(panels) * width * rows, 0.0f);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      to[(static_cast<size_t>(c / width) * rows + r) * width + c % width] =
          m[static_cast<size_t>(r) * columns + c];
    }
  }
  return to;
}

// Calls f(row, column, index) for each place of a packed matrix, padding included.
template <class F>
void eachPacked(int rows, int columns, int width, F f) {
  const int padded = (columns + width - 1) / width * width;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < padded; ++c) f(r, c, (static_cast<size_t>(c / width) * rows + r) * width + c % width);
  }
}

template <class T>
std::vector<T> transposed(const std::vector<T>& m, int rows, int columns) {
  std::vector<T> to(m.size());
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c)
      to[static_cast<size_t>(c) * rows + r] = m[static_cast<size_t>(r) * columns + c];
  }
  return to;
}

}  // namespace fusor::test
