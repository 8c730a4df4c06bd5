#include "simd_neon.h"
// After the vector type, whose functions it uses.
#include "peak_impl.h"

namespace fusor {
const Peak* neonPeak() { return &kPeak; }
}  // namespace fusor
