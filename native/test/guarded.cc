#include "guarded.h"

#include <csignal>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace fusor::test {
namespace {

constexpr unsigned char kCanary = 0xff;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOddBytes = false;
#elif defined(__has_feature)
constexpr bool kOddBytes = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kOddBytes = true;
#endif

size_t pageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

volatile sig_atomic_t armed = 0;

void onFault(int signal) {
  if (!armed) {  // not in a kernel: let it end as it would have
    std::signal(signal, SIG_DFL);
    return;
  }
  armed = 0;
  siglongjmp(faultReturn, 1);
}

}  // namespace

thread_local sigjmp_buf faultReturn;

void armFaults(bool on) {
  static const bool installed = [] {
    struct sigaction action{};
    action.sa_handler = onFault;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    return true;
  }();
  armed = on && installed;
}

Region::Region(size_t bytes, Place place, size_t elementSize) : bytes_(bytes) {
  const size_t page = pageSize();
  const size_t offset = place == Place::Odd ? (kOddBytes ? 1 : elementSize) : 0;
  const size_t inner = (bytes + offset + page) / page * page;  // at least one byte more than the array
  mapped_ = inner + 2 * page;
  void* base = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<unsigned char*>(base);
  if (mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  std::memset(base_ + page, kCanary, inner);
  data_ = place == Place::End ? base_ + page + inner - bytes : base_ + page + offset;
}

Region::Region(Region&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      data_(other.data_),
      mapped_(other.mapped_),
      bytes_(other.bytes_) {}

Region::~Region() {
  if (base_) munmap(base_, mapped_);
}

void Region::seal() { mprotect(base_ + pageSize(), mapped_ - 2 * pageSize(), PROT_READ); }

bool Region::intact() const {
  const unsigned char *begin = base_ + pageSize(), *end = base_ + mapped_ - pageSize();
  for (const unsigned char* p = begin; p < end; ++p) {
    if (p == data_) p += bytes_;
    if (p < end && *p != kCanary) return false;
  }
  return true;
}

}  // namespace fusor::test
