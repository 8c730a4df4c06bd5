// How much memory the kernels need beside what they are given, for so many rows or fewer: a last batch has fewer. Not in a header,
// where every instruction set would compile its own and the linker would keep any one.
#include <algorithm>

#include "kernels.h"
#include "tile_sizes.h"

namespace fusor {
namespace {

constexpr long kPartsAtATime = 768 << 10;  // bytes of dz's parts: they stay in the second-level cache

constexpr long kMostTogether = 16;         // steps of a short sum

constexpr long kFloat = 4, kMask = 8;
constexpr long kTurnedOver = 1 << 20;      // elements of features turned over

// Bytes: sums of rows, and masks.
long sparseRowsScratch(int rows, int inputs, int width) {
  return std::min(rows, kSparseRows) * (kSparsePanels * width * kFloat + kMask * ((inputs / 64 + 1) / 2 * 2));
}

// Masks and elements of features; rows of dz, and sums.
long sparseBackwardScratch(int rows, int inputs, int width, long element) {
  const long words = (rows + 63L) / 64, features = (inputs + 15L) / 16 * 16;
  const long most = std::min(features * 64 * words, std::max(kTurnedOver, kSparseFeatures * 64 * words));
  return most * element + most / 64 * kMask + (rows + kSparseFeatures) * static_cast<long>(kSparsePanels * width) * kFloat;
}

// Masks of groups of features, four of them at least.
long groupsScratch(int rows, int inputs) { return (inputs + 63L) / 64 * 16 * ((rows + 63L) / 64) * kMask; }

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
  return static_cast<int>(all <= kMostTogether ? all : kMostTogether / 2);
}

size_t denseTilesScratch(int rows, int inputs, int outputs) {
  const auto product = [](int m, int n, int k) {
    const long blocks = blocksOf(std::min(m, kRowsAtATime)), columns = std::min<long>(2 * blocksOf(n), kColumnsAtATime);
    const long sums = blocksOf(k) > kMostTogether ? columns * blocks * kSums : 0;
    // A shorter sum takes more steps together than a long one.
    return (blocks * kLeftParts + kRightParts) * std::min(blocksOf(k), kMostTogether) + sums;
  };
  return static_cast<size_t>(std::max({product(rows, outputs, inputs), product(rows, inputs, outputs), product(inputs, outputs, rows)}));
}

int panelsAtATime(int rows) { return static_cast<int>(std::max(1L, kPartsAtATime / (blocksOf(rows) * kPanelTiles))); }

size_t bytesScratch(int rows, int inputs, int panels) {
  const long together = blocksOf(std::min(rows, kRowsAtATime)), steps = blocksOf(inputs);
  const long forward = 2 * kTile * together * steps + kPanelTiles * (together > 1 ? steps : 1);
  // Fewer rows take more panels at a time.
  const long panel = blocksOf(rows) * kPanelTiles;
  const long backward = blocksOf(rows) * kTile + std::max(panel, std::min(panels * panel, kPartsAtATime));
  constexpr long kWidest = 32;
  const long zeros = std::max(sparseRowsScratch(rows, inputs, kWidest), sparseBackwardScratch(rows, inputs, kWidest, 1));
  return static_cast<size_t>(std::max({forward, backward, zeros, groupsScratch(rows, inputs)}));
}

size_t sparseForwardScratch(int rows, int inputs, int width) {
  return static_cast<size_t>(sparseRowsScratch(rows, inputs, width) / kFloat);
}

size_t sparseScratch(int rows, int inputs, int outputs, int width) {
  // Weights turned over, then as forward.
  const long input = kFloat * kSparsePanels * width * outputs + sparseRowsScratch(rows, outputs, width);
  // By inputs, or by outputs, whose sums are turned over.
  const long most = std::max(inputs, panelsOf(outputs, width) * width);
  const long update = sparseBackwardScratch(rows, most, width, kFloat) + kSparsePanels * width * width * kFloat;
  return std::max(sparseForwardScratch(rows, inputs, width), static_cast<size_t>(std::max(input, update) / kFloat));
}

int sparseFeatures(int rows) {
  const long padded = (rows + 63L) / 64 * 64;
  return static_cast<int>(std::max<long>(kSparseFeatures, kTurnedOver / padded / kSparseFeatures * kSparseFeatures));
}

}  // namespace fusor
