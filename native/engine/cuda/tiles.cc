#include "tiles.h"

#include <algorithm>
#include <cstdio>

namespace fusor {
namespace {

// From large to small.
constexpr CudaTile kProducts[] = {{128, 64, 16, 8, 256}, {64, 64, 16, 4, 256}, {32, 32, 64, 4, 256}, {16, 16, 128, 4, 256}};

// For few rows and columns: threads share out the inner dimension, of which as much as shared memory holds comes at once,
// so that memory is waited for once.
CudaTile smallest(int rows, int columns, int depth, int multiprocessors) {
  const bool few = (rows + 7) / 8 * ((columns + 3) / 4) <= multiprocessors;
  const int most = few ? 800 : 544, step = 32;  // some 60 KB; quads that are turned over go by 32
  const int chunks = (depth + most - 1) / most, chunk = (depth + chunks - 1) / chunks;
  return {few ? 8 : 16, 4, (chunk + step - 1) / step * step, 4, 256};
}

}  // namespace

std::string CudaTile::arguments() const {
  std::string all;
  for (const int value : {m, n, chunk, rowsEach, threads}) all.append(all.empty() ? "" : ",").append(std::to_string(value));
  return all;
}

CudaTile CudaTile::of(const std::string& arguments) {
  CudaTile tile{};
  std::sscanf(arguments.c_str(), "%d,%d,%d,%d,%d", &tile.m, &tile.n, &tile.chunk, &tile.rowsEach, &tile.threads);
  return tile;
}

int sharedBytesOf(const CudaTile& tile, bool aAlongK, bool bAlongK) {
  const int holders = tile.m / tile.rowsEach * (tile.n / 4), groups = tile.threads / holders;
  const int across = groups / std::max(1, 32 / holders);
  const int sides = tile.chunk * (tile.m + (aAlongK ? 4 : 0) + tile.n + (bAlongK ? 4 : 0));
  return 4 * std::max(sides, groups > 1 ? across * tile.m * tile.n : 0);
}

CudaTile productTile(int rows, int columns, int depth, int multiprocessors) {
  for (const CudaTile& tile : kProducts) {
    if (4 * tile.across(columns) * tile.down(rows) >= 3 * multiprocessors) return tile;
  }
  return smallest(rows, columns, depth, multiprocessors);
}

}  // namespace fusor
