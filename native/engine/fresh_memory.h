// Memory that nothing has been written to yet.
#pragma once
#include <cstddef>

namespace fusor {

constexpr size_t kLargePage = size_t{2} << 20;

// Has the system provide it before it is filled, in large pages and by several cores: its first touch costs more than the filling,
// above all where a virtual machine's host has to find it first. Little memory, and other systems, go without.
void provide(void* memory, size_t bytes);

}  // namespace fusor
