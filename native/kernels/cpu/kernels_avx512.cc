#include "simd_avx512.h"
// After the vector type, whose functions it uses.
#include "kernels_impl.h"

namespace fusor {
const Kernels* avx512Kernels() { return &kTable; }
}  // namespace fusor
