// What an instruction set without masked loads or byte masks does with the functions that it has. Included at the end of
// a simd_*.h file.
#pragma once
#include <cstdint>
#include <cstring>

namespace {

inline uint64_t nonZero64(const uint8_t* p) {  // bit i: p[i] is not 0
  uint64_t bits = 0;
  for (int i = 0; i < 64; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, p + i, 8);
    // The top bit of each byte that is not 0, gathered into one byte (little-endian).
    eight = (eight | ((eight & 0x7f7f7f7f7f7f7f7full) + 0x7f7f7f7f7f7f7f7full)) & 0x8080808080808080ull;
    bits |= ((eight >> 7) * 0x0102040810204080ull >> 56) << i;
  }
  return bits;
}
inline V loadTail(const float* p, int n) {  // n < W lanes, the others 0
  float lanes[W] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
inline void storeTail(float* p, V x, int n) {
  float lanes[W];
  store(lanes, x);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

}  // namespace
