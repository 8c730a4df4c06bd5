// A row through a dropout layer, with the numbers of philox.h, many counters at a time: loops over arrays, of which compilers make
// vectors.
#pragma once
#include "kernels.h"
#include "philox.h"

namespace {

void dropout(const fusor::Dropout& d, int64_t first, const float* x, float* y, long n) {
  // So many that a processor need not wait for one chain of products.
  constexpr int kCounters = 32, kNumbers = 4 * kCounters;
  const uint32_t threshold = d.threshold;
  const float factor = d.factor;
  for (long i = 0; i < n;) {
    const int64_t element = first + i, counter = element / 4;
    uint32_t c[4][kCounters], numbers[kNumbers];
    for (int k = 0; k < kCounters; ++k) {
      c[0][k] = static_cast<uint32_t>(counter + k), c[1][k] = static_cast<uint32_t>(d.step);
      c[2][k] = static_cast<uint32_t>(d.step >> 32), c[3][k] = d.tag;
    }
    fusor::philoxRounds(c, d.seed);
    for (int k = 0; k < kCounters; ++k) {
      for (int j = 0; j < 4; ++j) numbers[4 * k + j] = c[j][k];
    }
    const uint32_t* number = numbers + element % 4;
    const long room = numbers + kNumbers - number, count = n - i < room ? n - i : room;
    // Not a product: 0 x inf is not 0.
    for (long k = 0; k < count; ++k) y[i + k] = number[k] >= threshold ? x[i + k] * factor : 0.0f;
    i += count;
  }
}

}  // namespace
