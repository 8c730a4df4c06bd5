#include "zeros.h"

#include <algorithm>
#include <bit>

namespace fusor {
namespace {

double nonzero(int64_t zeros, int64_t seen) { return seen ? 1 - static_cast<double>(zeros) / static_cast<double>(seen) : 1; }

}  // namespace

double densityOf(const Dataset& data, int features) {
  constexpr int64_t kSampled = 256;
  const int64_t every = std::max<int64_t>(1, data.rows / kSampled);
  int64_t seen = 0, zeros = 0;
  for (int64_t row = 0; row < data.rows; row += every, seen += features) {
    const uint8_t* x = data.bytes.data() + row * features;
    zeros += std::count(x, x + features, 0);
  }
  return nonzero(zeros, seen);
}

double densityOf(const float* x, long ld, int rows, int columns) {
  constexpr int kSampled = 8;
  const int every = (rows + kSampled - 1) / kSampled;
  int64_t seen = 0, zeros = 0;
  for (int row = 0; row < rows; row += every, seen += columns) zeros += std::count(x + row * ld, x + row * ld + columns, 0.0f);
  return nonzero(zeros, seen);
}

bool allFinite(const float* x, int64_t count) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t found = 0;
  for (int64_t i = 0; i < count; ++i) found |= (std::bit_cast<uint32_t>(x[i]) & kExponent) == kExponent;
  return !found;
}

}  // namespace fusor
