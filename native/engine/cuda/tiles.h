// Which tile a matrix product gets on a GPU: the largest that still occupies the multiprocessors.
#pragma once
#include <string>

namespace fusor {

// The arguments of TileShape in kernels/cuda/tile.h.
struct CudaTile {
  int m, n, chunk, rowsEach, threads;

  int across(int columns) const { return (columns + n - 1) / n; }
  int down(int rows) const { return (rows + m - 1) / m; }
  std::string arguments() const;
  static CudaTile of(const std::string& arguments);
};

// Shared memory of a block; alongK: which sides are turned over (see Side in tile.h).
int sharedBytesOf(const CudaTile& tile, bool aAlongK, bool bAlongK);

// For a product [rows, columns] of sums of `depth` terms.
CudaTile productTile(int rows, int columns, int depth, int multiprocessors);
// For the update of weights: `tiles` says how many blocks a tile would give.
template <class F>
const CudaTile& updateTile(int multiprocessors, F tiles) {
  static constexpr CudaTile large{64, 64, 16, 4, 256}, small{32, 32, 32, 2, 128};
  return tiles(large) >= multiprocessors ? large : small;
}

}  // namespace fusor
