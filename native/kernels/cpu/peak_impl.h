// The loops of peak.h over the vector type of the simd_*.h file included before this one.
#pragma once
#include "peak.h"

namespace {

constexpr int kChains = 12;  // two units of latency 4 need 8; the baseline has 16 registers

float multiplyAdd(long rounds) {
  V acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = set1(1.0f + static_cast<float>(i));
  const V a = set1(0.999f), b = set1(0.001f);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = fma(acc[i], a, b);
  }
  V total = acc[0];
  for (int i = 1; i < kChains; ++i) total = add(total, acc[i]);
  return sum(total);
}

float read(const float* p, long n) {
  V acc[8];
  for (int i = 0; i < 8; ++i) acc[i] = set1(0.0f);
  for (const float* end = p + n; p != end; p += 8 * W) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) acc[i] = add(acc[i], load(p + i * W));
  }
  V total = acc[0];
  for (int i = 1; i < 8; ++i) total = add(total, acc[i]);
  return sum(total);
}

void update(float* p, long n) {
  const V minus = set1(-1.0f);
  for (float* end = p + n; p != end; p += 8 * W) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) store(p + i * W, mul(minus, load(p + i * W)));
  }
}

constexpr fusor::Peak kPeak = {2 * W * kChains, multiplyAdd, read, update};

}  // namespace
