#include <immintrin.h>

#include "peak.h"
#include "tile_shapes.h"

namespace fusor {
namespace {

constexpr int kProducts = 12, kParts = 6;  // six for a multiply-add of two float32

float multiplyAdd(long rounds) {
  const Tiles open;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 3
    for (int i = 0; i < kProducts; i += 4) {
      _tile_dpbf16ps(0, 4, 5);
      _tile_dpbf16ps(1, 4, 5);
      _tile_dpbf16ps(2, 4, 5);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  float sums[256];
  _tile_stored(0, sums, 64);
  return sums[0];
}

}  // namespace

// Memory is read by vectors.
const Peak* amxPeak() {
  static const Peak peak{2 * 16 * 16 * 32 * kProducts / kParts, multiplyAdd, avx512Peak()->read, avx512Peak()->update};
  return &peak;
}

}  // namespace fusor
