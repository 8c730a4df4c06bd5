// Memory on large pages, for what is read all over.
#pragma once
#include <cstddef>

namespace fusor {

constexpr size_t kLargePage = size_t{2} << 20;

// Has the system provide it before it is filled, in large pages and by several cores: its first touch costs more than the filling,
// above all where a virtual machine's host has to find it first. Little memory, and other systems, go without.
void provide(void* memory, size_t bytes);

// Moves memory that is in use to large pages: 12 to 50 ms for 47 MB. Of more than 64 MiB, or where the system cannot do it at once, it
// comes to it by and by.
void moveToLargePages(const void* memory, size_t bytes);

}  // namespace fusor
