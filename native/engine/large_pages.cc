#include "large_pages.h"

#include <sys/mman.h>
#ifdef __linux__
#include <linux/mman.h>  // what is newer than the C library
#endif

#include <algorithm>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "cores.h"

namespace fusor {

#ifdef MADV_HUGEPAGE
namespace {

// The large pages that lie in some memory, [first, end), by their numbers.
struct Pages {
  Pages(const void* memory, size_t bytes)
      : first((reinterpret_cast<uintptr_t>(memory) + kLargePage - 1) / kLargePage),
        end(std::max(first, (reinterpret_cast<uintptr_t>(memory) + bytes) / kLargePage)) {}

  uintptr_t first, end;
};

void advise(uintptr_t first, uintptr_t end, int advice) {
  if (first < end) madvise(reinterpret_cast<void*>(first * kLargePage), (end - first) * kLargePage, advice);
}

}  // namespace
#endif

void provide([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  const Pages large(memory, bytes);
  advise(large.first, large.end, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  constexpr uintptr_t kPagesEach = 8, kMost = 8;
  const uintptr_t pages = large.end - large.first, parts = std::min({pages / kPagesEach, kMost, static_cast<uintptr_t>(availableCores())});
  std::vector<std::thread> others;
  try {
    for (uintptr_t i = 1; i < parts; ++i) {
      others.emplace_back(advise, large.first + pages * i / parts, large.first + pages * (i + 1) / parts, MADV_POPULATE_WRITE);
    }
    if (parts > 1) advise(large.first, large.first + pages / parts, MADV_POPULATE_WRITE);
  } catch (const std::exception&) {
    // No thread to be had: what is missing comes when it is touched.
  }
  for (std::thread& other : others) other.join();
#endif
#endif
}

void moveToLargePages([[maybe_unused]] const void* memory, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  const Pages large(memory, bytes);
  advise(large.first, large.end, MADV_HUGEPAGE);
#ifdef MADV_COLLAPSE
  constexpr uintptr_t kAtOnce = 32;
  if (large.end - large.first <= kAtOnce) advise(large.first, large.end, MADV_COLLAPSE);
#endif
#endif
}

}  // namespace fusor
