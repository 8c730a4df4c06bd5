#include "simd_scalar.h"
// After the vector type, whose functions it uses.
#include "peak_impl.h"

namespace fusor {
const Peak* scalarPeak() { return &kPeak; }
}  // namespace fusor
