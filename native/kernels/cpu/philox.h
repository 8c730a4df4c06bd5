// Philox-4x32-10, as src/random.ts has it: the same counters give the same bits.
#pragma once
#include <cstdint>

namespace fusor {

// A round of many counters at once. Always inline: kernels compile it for processors that others are not.
template <int N>
inline __attribute__((always_inline)) void philoxRound(uint32_t (&c)[4][N], uint32_t k0, uint32_t k1) {
  for (int i = 0; i < N; ++i) {
    const uint64_t product0 = 0xd2511f53ull * c[0][i], product1 = 0xcd9e8d57ull * c[2][i];
    c[0][i] = static_cast<uint32_t>(product1 >> 32) ^ c[1][i] ^ k0;
    c[1][i] = static_cast<uint32_t>(product1);
    c[2][i] = static_cast<uint32_t>(product0 >> 32) ^ c[3][i] ^ k1;
    c[3][i] = static_cast<uint32_t>(product0);
  }
}

template <int N>
inline __attribute__((always_inline)) void philoxRounds(uint32_t (&c)[4][N], uint64_t seed) {
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) philoxRound(c, k0, k1);
}

inline void philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4]) {
  uint32_t c[4][1] = {{counter[0]}, {counter[1]}, {counter[2]}, {counter[3]}};
  philoxRounds(c, seed);
  for (int i = 0; i < 4; ++i) out[i] = c[i][0];
}

// The factors of one dropout layer in one step: 0 where dropped, 1/(1-rate) where kept. `Kernels::dropout` has many at a time.
struct Dropout {
  static constexpr uint32_t kPurpose = 3;
  uint64_t seed, step;
  uint32_t tag, threshold;  // dropped: what is below
  float factor;

  Dropout(uint64_t seed, uint32_t stream, int64_t step, double rate)
      : seed(seed), step(static_cast<uint64_t>(step)), tag(kPurpose << 24 | stream),
        threshold(static_cast<uint32_t>(rate * 4294967296.0)), factor(static_cast<float>(1.0 / (1.0 - rate))) {}

  // Calls f(e, factor) for elements [begin, end) of the batch, counted row by row.
  template <class F>
  void each(int64_t begin, int64_t end, F f) const {
    uint32_t numbers[4];
    for (int64_t e = begin; e < end; ++e) {
      if (e == begin || e % 4 == 0) {
        const uint32_t counter[4] = {static_cast<uint32_t>(e / 4), static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32),
                                     tag};
        philox(counter, seed, numbers);
      }
      f(e, numbers[e % 4] >= threshold ? factor : 0.0f);
    }
  }
};

}  // namespace fusor
