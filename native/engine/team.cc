#include "team.h"

#include <algorithm>
#include <chrono>

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

// Until `value` is no longer `old`. Whether it had to sleep.
template <class T>
bool await(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return false;
    pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
  return true;
}

int processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Moves the calling thread off `taken` when it is there and may be elsewhere, at most once in some milliseconds. Linux likes
// to wake a thread on its waker's processor; two members that take turns on one, each asleep while the other works, look
// like one to its balancing and stay there.
void leave([[maybe_unused]] int taken) {
#if defined(__linux__)
  using Clock = std::chrono::steady_clock;
  constexpr auto kPatience = std::chrono::milliseconds(5);
  thread_local Clock::time_point last{};
  if (sched_getcpu() != taken) return;
  const auto now = Clock::now();
  if (now - last < kPatience) return;
  last = now;
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  cpu_set_t others = all;
  CPU_CLR(taken, &others);
  if (CPU_COUNT(&others) == 0) return;
  sched_setaffinity(0, sizeof others, &others);
  sched_setaffinity(0, sizeof all, &all);
#endif
}

}  // namespace

void Barrier::wait(int members) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
    arrived_.store(0, std::memory_order_relaxed);
    waker_.store(processor(), std::memory_order_relaxed);
    // Sequentially consistent, as are all that are followed by a notify: that looks first whether anybody sleeps, and would look
    // before the store is seen by one who is about to. Nobody would wake that one.
    generation_.store(generation + 1, std::memory_order_seq_cst);
    generation_.notify_all();
  } else {
    if (await(generation_, generation)) leave(waker_.load(std::memory_order_relaxed));
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
  round_.fetch_add(1, std::memory_order_seq_cst);
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Team::run(int members, const std::function<void(int)>& work) {
  active_ = members;
  if (members > 1) {
    work_ = &work;
    caller_.store(processor(), std::memory_order_relaxed);
    running_.store(size_ - 1, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_seq_cst);
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
    if (await(round_, seen)) leave(caller_.load(std::memory_order_relaxed));
    if (stop_.load(std::memory_order_relaxed)) return;
    if (member < active_) (*work_)(member);
    running_.fetch_sub(1, std::memory_order_seq_cst);
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

}  // namespace fusor
