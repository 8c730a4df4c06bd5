#include "simd_neon.h"
// After the vector type, whose functions it uses.
#include "kernels_impl.h"

namespace fusor {
const Kernels* neonKernels() { return &kTable; }
}  // namespace fusor
