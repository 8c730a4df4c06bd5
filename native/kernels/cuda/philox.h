// Philox-4x32-10 and dropout, as src/random.ts has them: the same counters give the same bits.
#pragma once
#include "step.h"

namespace fusor::cuda {

struct Numbers {
  unsigned value[4];
};

DEVICE Numbers philox(unsigned c0, unsigned c1, unsigned c2, unsigned c3, unsigned long long seed) {
  unsigned k0 = static_cast<unsigned>(seed), k1 = static_cast<unsigned>(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xd2511f53u, c0), low0 = 0xd2511f53u * c0;
    const unsigned high1 = __umulhi(0xcd9e8d57u, c2), low1 = 0xcd9e8d57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

// The four numbers of block `block` of a dropout layer in a step; 3 is the purpose "dropout".
DEVICE Numbers dropoutNumbers(const Op& op, const Step& step, long long block) {
  return philox(static_cast<unsigned>(block), static_cast<unsigned>(step.number), static_cast<unsigned>(step.number >> 32),
                3u << 24 | op.stream, step.seed);
}

// v's `valid` elements e, e + 1, … (row x width + column) times their factors. Not a product where dropped: 0 x inf is not 0.
DEVICE void dropout(const Op& op, const Step& step, long long e, int valid, float (&v)[4]) {
  long long block = e / 4;
  Numbers numbers = dropoutNumbers(op, step, block);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (i >= valid) break;
    if ((e + i) / 4 != block) numbers = dropoutNumbers(op, step, ++block);
    const unsigned place = static_cast<unsigned>((e + i) % 4);
    const unsigned number = place < 2 ? (place == 0 ? numbers.value[0] : numbers.value[1])
                                      : (place == 2 ? numbers.value[2] : numbers.value[3]);
    v[i] = number >= op.threshold ? v[i] * op.scale : 0.0f;
  }
}

}  // namespace fusor::cuda
