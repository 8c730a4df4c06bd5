#include "simd_avx512.h"
// After the vector type, whose functions it uses.
#include "peak_impl.h"

namespace fusor {
const Peak* avx512Peak() { return &kPeak; }
}  // namespace fusor
