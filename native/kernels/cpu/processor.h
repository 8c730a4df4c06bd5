#pragma once

namespace fusor {

// Whether the instruction set of that name ("scalar", "avx2", "avx512", "amx", "neon") can run here.
bool cpuHas(const char* isa);

}  // namespace fusor
