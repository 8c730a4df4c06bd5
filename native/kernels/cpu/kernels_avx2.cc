#include "simd_avx2.h"
// After the vector type, whose functions it uses.
#include "kernels_impl.h"

namespace fusor {
const Kernels* avx2Kernels() { return &kTable; }
}  // namespace fusor
