#include "fresh_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "cores.h"

namespace fusor {

void provide([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  const auto at = reinterpret_cast<uintptr_t>(memory), first = (at + kLargePage - 1) / kLargePage, end = (at + bytes) / kLargePage;
  if (first >= end) return;
  const auto advise = [](uintptr_t begin, uintptr_t until, int advice) {
    madvise(reinterpret_cast<void*>(begin * kLargePage), (until - begin) * kLargePage, advice);
  };
  advise(first, end, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  constexpr uintptr_t kPagesEach = 8, kMost = 8;
  const uintptr_t pages = end - first, parts = std::min({pages / kPagesEach, kMost, static_cast<uintptr_t>(availableCores())});
  std::vector<std::thread> others;
  try {
    for (uintptr_t i = 1; i < parts; ++i) {
      others.emplace_back(advise, first + pages * i / parts, first + pages * (i + 1) / parts, MADV_POPULATE_WRITE);
    }
    if (parts > 1) advise(first, first + pages / parts, MADV_POPULATE_WRITE);
  } catch (const std::exception&) {
    // No thread to be had: what is missing comes when it is touched.
  }
  for (std::thread& other : others) other.join();
#endif
#endif
}

}  // namespace fusor
