#include "simd_avx2.h"
// After the vector type, whose functions it uses.
#include "peak_impl.h"

namespace fusor {
const Peak* avx2Peak() { return &kPeak; }
}  // namespace fusor
