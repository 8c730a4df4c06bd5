// The processor's matrix tiles, opened and closed.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

// All eight tiles whole: 16 rows of 64 bytes.
struct __attribute__((packed)) TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytesARow[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileShapes kWholeTiles;  // not a local: GCC 12 believes that only its first bytes are read

// Whoever opens the tiles closes them, so that no other code of this thread meets them.
class Tiles {
 public:
  Tiles() { _tile_loadconfig(&kWholeTiles); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() { _tile_release(); }
};

}  // namespace
