#include "kernels/cpu/processor.h"

namespace fusor {

// What the processor lacks is emulated.
bool cpuHas(const char*) { return true; }

}  // namespace fusor
