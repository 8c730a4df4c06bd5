#include "simd_scalar.h"
// After the vector type, whose functions it uses.
#include "kernels_impl.h"

namespace fusor {
const Kernels* scalarKernels() { return &kTable; }
}  // namespace fusor
