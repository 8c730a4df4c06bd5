#include "simd_avx512.h"
// After the vector type, whose functions it uses.
#include "activation.h"
#include "float_tiles.h"
#include "tiles.h"

namespace fusor {

// The vectors' kernels, and the tiles' beside them.
const Kernels* amxKernels() {
  static const Kernels table = [] {
    Kernels all = *avx512Kernels();
    all.name = "amx";
    all.denseTilesForward = denseTilesForward;
    all.denseTilesBackward = denseTilesBackward;
    all.tilesForward = tilesForward;
    all.tilesBackward = tilesBackward;
    return all;
  }();
  return &table;
}

}  // namespace fusor
