// Philox-4x32-10, as src/random.ts has it: the same counters give the same bits.
#pragma once
#include <cstdint>

namespace fusor {

inline void philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = 0xd2511f53ull * c0, product1 = 0xcd9e8d57ull * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(product0);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

// The factors of one dropout layer in one step: 0 where dropped, 1/(1-rate) where kept.
class Dropout {
 public:
  Dropout(uint64_t seed, uint32_t stream, int64_t step, double rate)
      : seed_(seed), step_(static_cast<uint64_t>(step)), tag_(kPurpose << 24 | stream),
        threshold_(static_cast<uint64_t>(rate * 4294967296.0)), factor_(static_cast<float>(1.0 / (1.0 - rate))) {}

  // Calls f(e, factor) for elements [begin, end) of the batch, counted row by row.
  template <class F>
  void each(int64_t begin, int64_t end, F f) const {
    uint32_t numbers[4];
    for (int64_t e = begin; e < end; ++e) {
      if (e == begin || e % 4 == 0) {
        const uint32_t counter[4] = {static_cast<uint32_t>(e / 4), static_cast<uint32_t>(step_),
                                     static_cast<uint32_t>(step_ >> 32), tag_};
        philox(counter, seed_, numbers);
      }
      f(e, numbers[e % 4] >= threshold_ ? factor_ : 0.0f);
    }
  }

 private:
  static constexpr uint32_t kPurpose = 3;
  uint64_t seed_, step_;
  uint32_t tag_;
  uint64_t threshold_;
  float factor_;
};

}  // namespace fusor
