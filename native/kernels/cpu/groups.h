// Bytes of neighbouring features, taken in groups: neighbours, as pixels are, are not zero in much the same rows. So what a row
// costs beside its products, above all a loop whose end no processor foresees, is shared by a group's features. Where vectors
// are so wide that products are not what takes the time: with AVX2 the zeros that are multiplied cost as much as that saves.
#pragma once
#include "sparse.h"

namespace {

// masks[group][word]: of 64 rows, those in which one of the features of the group is not zero. Room for whole words of 64 features.
template <class X>
void rowsOfGroups(const X& x, fusor::Range features, int rows, long words, uint64_t* masks) {
  for (int first = 0; first < rows; first += 64, ++masks) {
    const int count = fewer(64, rows - first);
    uint64_t* to = masks;
    int f = features.begin;
    for (; f + 64 <= features.end; f += 64, to += 64 / kGroup * words) rowsOfGroups(x.x + first, f, count, to, words);
    if (f == features.end) continue;
    uint8_t rest[64][64] = {};
    const typename X::Element* pointers[64];
    for (int r = 0; r < count; ++r) {
      std::memcpy(rest[r], x.row(first + r) + f, features.end - f);
      pointers[r] = rest[r];
    }
    rowsOfGroups(pointers, 0, count, to, words);
  }
}

// The same of one feature.
inline void rowsOfFeature(const ByteRows& x, int feature, int rows, uint64_t* masks) {
  for (int r = 0; r < rows; ++r) {
    if (r % 64 == 0) masks[r / 64] = 0;
    masks[r / 64] |= static_cast<uint64_t>(x.row(r)[feature] != 0) << r % 64;
  }
}

}  // namespace
