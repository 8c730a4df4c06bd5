// Sizes in bytes of what tiles.h keeps in its scratch.
#pragma once

namespace fusor {

constexpr long kTile = 1024;             // 16 rows of 64 bytes
constexpr long kPanelTiles = 6 * kTile;  // 32 of k by one panel: three parts of its first 16 columns, three of the others
constexpr int kRowsAtATime = 256;        // of the forward pass, as bfloat16 in the second-level cache

}  // namespace fusor
