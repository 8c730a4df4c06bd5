// Sizes of what tiles.h and float_tiles.h keep in their scratch, for them and for scratch.cc, which says how much that is.
#pragma once

namespace fusor {

// Bytes.
constexpr long kTile = 1024;             // 16 rows of 64 bytes
constexpr long kPanelTiles = 6 * kTile;  // 32 of k by one panel: three parts of its first 16 columns, three of the others
constexpr long kLeftParts = 6 * kTile;   // three parts of 32 rows by 32 of k, two tiles each
constexpr long kRightParts = 3 * kTile;  // three parts of 32 of k by 16 columns
constexpr long kSums = 2 * kTile;        // 32 x 16 float32

// What is cut up at a time, to stay in the second-level cache.
constexpr int kRowsAtATime = 256;
constexpr int kColumnsAtATime = 32;  // groups of 16

}  // namespace fusor
