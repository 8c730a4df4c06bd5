// Rows of few values.
#pragma once
#include <cstring>

namespace fusor {

// A call of memcpy takes longer than few values do.
inline void copyFew(const float* from, int count, float* to) {
  constexpr int kFew = 16;
  if (count > kFew) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  constexpr int kTogether = 4;
  for (; count >= kTogether; count -= kTogether, from += kTogether, to += kTogether) {
    std::memcpy(to, from, kTogether * sizeof(float));
    asm volatile("");  // or the compiler makes that call of the whole loop
  }
  for (; count > 0; --count) {
    *to++ = *from++;
    asm volatile("");
  }
}

}  // namespace fusor
