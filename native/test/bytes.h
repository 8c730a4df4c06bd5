// What the gates of the kernels on bytes have in common.
#pragma once
#include "cases.h"

namespace fusor::test {

// Rows of bytes, most of them zero in a sparse case, in an order of their own, as a data set holds them.
struct Bytes {
  std::vector<uint8_t> all;
  std::vector<int> order;
  std::vector<float> table, values;  // the table of kernels.h; values: the rows in order, as the dense kernels get them

  // Of a case of integers the scale is 1, so that sums are exact.
  explicit Bytes(const DenseCase& c) : order(c.rows), table(256) {
    Random random(12);
    for (int b = 1; b < 256; ++b) table[b] = static_cast<float>(b) * (c.numbers == Numbers::Integer ? 1.0f : 1 / 255.0f);
    all.resize(static_cast<size_t>(c.rows) * c.inputs);
    for (uint8_t& byte : all) {
      byte = static_cast<uint8_t>((random.next() + 1) * 128);
      if (c.numbers == Numbers::Sparse && random.next() < 0.6) byte = 0;
    }
    for (int r = 0; r < c.rows; ++r) order[r] = c.rows - 1 - r;
    for (int row : order) {
      for (int i = 0; i < c.inputs; ++i) values.push_back(table[all[static_cast<size_t>(row) * c.inputs + i]]);
    }
  }
  std::vector<const uint8_t*> rows(const uint8_t* data, int inputs) const {
    std::vector<const uint8_t*> pointers;
    for (int row : order) pointers.push_back(data + static_cast<size_t>(row) * inputs);
    return pointers;
  }
  // The rows in order, in float64: byte x scale, not rounded.
  std::vector<double> exact(int inputs) const {
    std::vector<double> rows;
    for (int row : order) {
      for (int i = 0; i < inputs; ++i) rows.push_back(static_cast<double>(all[static_cast<size_t>(row) * inputs + i]) * table[1]);
    }
    return rows;
  }
};

// The same behind guards, as the kernels get it.
struct GuardedBytes {
  Bytes bytes;
  Guarded<uint8_t> x;
  Guarded<const uint8_t*> pointers;
  Guarded<float> table;

  explicit GuardedBytes(const DenseCase& c)
      : bytes(c),
        x(Guarded<uint8_t>::input(bytes.all, c.place)),
        pointers(Guarded<const uint8_t*>::input(bytes.rows(x.data(), c.inputs), Place::End)),
        table(Guarded<float>::input(bytes.table, c.place)) {}
};

inline Guarded<uint8_t> scratchOf(const DenseCase& c, int panels) {
  return Guarded<uint8_t>(std::vector<uint8_t>(bytesScratch(c.rows, c.inputs, panels), 0xee), placeOfScratch(c));
}

}  // namespace fusor::test
