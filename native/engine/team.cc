#include "team.h"

#include <algorithm>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace fusor {
namespace {

constexpr int kSpins = 800;  // some 15 microseconds

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// Until `value` is no longer `old`.
template <class T>
void await(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

void Barrier::wait(int members) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
  } else {
    await(generation_, generation);
  }
}

Team::Team(int size) : size_(std::max(1, size)) {
  try {
    for (int member = 1; member < size_; ++member) threads_.emplace_back([this, member] { loop(member); });
  } catch (...) {  // no thread to be had: end those that there are
    end();
    throw;
  }
}

Team::~Team() { end(); }

void Team::end() {
  stop_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Team::run(int members, const std::function<void(int)>& work) {
  active_ = members;
  if (members > 1) {
    work_ = &work;
    running_.store(size_ - 1, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  work(0);
  for (int left = running_.load(std::memory_order_acquire); left != 0; left = running_.load(std::memory_order_acquire)) {
    await(running_, left);
  }
}

void Team::loop(int member) {
  flushDenormals();
  for (uint32_t seen = 0;; ++seen) {
    await(round_, seen);
    if (stop_.load(std::memory_order_relaxed)) return;
    if (member < active_) (*work_)(member);
    running_.fetch_sub(1, std::memory_order_release);
    running_.notify_one();
  }
}

void flushDenormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // FTZ and DAZ
#elif defined(__aarch64__)
  uint64_t fpcr;
  __asm__ __volatile__("mrs %0, fpcr" : "=r"(fpcr));
  __asm__ __volatile__("msr fpcr, %0" ::"r"(fpcr | (1ull << 24)));  // FZ
#endif
}

int availableCores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace fusor
