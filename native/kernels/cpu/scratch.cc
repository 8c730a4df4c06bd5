// How much memory the kernels need beside what they are given. Not in a header, where every instruction set would compile
// its own and the linker would keep any one.
#include <algorithm>

#include "kernels.h"
#include "tile_sizes.h"

namespace fusor {
namespace {

constexpr long kPartsAtATime = 768 << 10;  // bytes of dz's parts: they stay in the second-level cache

long blocksOf(int n) { return (n + 31L) / 32; }

}  // namespace

bool copiesFactors(int rows, int inputs, int outputs) { return rows >= 128 && inputs >= 256 && outputs >= 1024; }

size_t backwardScratch(int rows, int inputs, int outputs, int width) {
  const size_t panel = static_cast<size_t>(outputs) * width;
  if (!copiesFactors(rows, inputs, outputs)) return panel;
  return std::max(panel, static_cast<size_t>(rows) * (width + std::min(inputs, kCopiedFeatures)));
}

int stepsTogether(int k) {
  const long all = blocksOf(k);
  return static_cast<int>(all <= 16 ? all : 8);
}

size_t denseTilesScratch(int rows, int inputs, int outputs) {
  const auto product = [](int m, int n, int k) {
    const long blocks = blocksOf(std::min(m, kRowsAtATime)), together = stepsTogether(k), columns = std::min<long>(2 * blocksOf(n), kColumnsAtATime);
    const long sums = blocksOf(k) > together ? columns * blocks * kSums : 0;
    return (blocks * kLeftParts + kRightParts) * together + sums;
  };
  return static_cast<size_t>(std::max({product(rows, outputs, inputs), product(rows, inputs, outputs), product(inputs, outputs, rows)}));
}

int panelsAtATime(int rows) { return static_cast<int>(std::max(1L, kPartsAtATime / (blocksOf(rows) * kPanelTiles))); }

size_t bytesScratch(int rows, int inputs, int panels) {
  const long together = blocksOf(std::min(rows, kRowsAtATime)), steps = blocksOf(inputs);
  const long forward = 2 * kTile * together * steps + kPanelTiles * (together > 1 ? steps : 1);
  const long backward = blocksOf(rows) * (kTile + kPanelTiles * std::min(panels, panelsAtATime(rows)));
  const long sparse = 16L * ((rows + 63) / 64 * 64);
  return static_cast<size_t>(std::max({forward, backward, sparse}));
}

}  // namespace fusor
