// Bytes of neighbouring features, taken in groups: neighbours, as pixels are, are not zero in much the same rows. So what a row
// costs beside its products, above all a loop whose end no processor foresees, is shared by a group's features. Where vectors
// are so wide that products are not what takes the time: with AVX2 the zeros that are multiplied cost as much as that saves.
#pragma once
#include "sparse.h"

namespace {

// masks[g]: the rows, up to 64, in which one of the g-th group of features is not zero. Room for whole words of 64 features.
template <class X>
void rowsOfGroups(const X& x, fusor::Range features, int rows, uint64_t* masks) {
  constexpr int kGroups = 64 / kGroup;
  int f = features.begin;
  for (; f + 64 <= features.end; f += 64, masks += kGroups) rowsOfGroups(x.x, f, rows, masks);
  if (f == features.end) return;
  uint8_t rest[64][64] = {};
  const typename X::Element* pointers[64];
  for (int r = 0; r < rows; ++r) {
    std::memcpy(rest[r], x.row(r) + f, features.end - f);
    pointers[r] = rest[r];
  }
  rowsOfGroups(pointers, 0, rows, masks);
}

// The same of one feature.
inline uint64_t rowsOfFeature(const ByteRows& x, int feature, int rows) {
  uint64_t mask = 0;
  for (int r = 0; r < rows; ++r) mask |= static_cast<uint64_t>(x.row(r)[feature] != 0) << r;
  return mask;
}

}  // namespace
