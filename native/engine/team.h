// A team of threads that run the same function, each on its share, and meet at barriers.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace fusor {

// Spins for some 10-20 microseconds, then sleeps. Pure spinning collapses when a core is preempted: the waiting thread
// burns the time slice that the late one needs.
class Barrier {
 public:
  void wait(int members);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<int> waker_{-1};  // the processor of the member that came last
  alignas(64) std::atomic<uint32_t> generation_{0};
};

class Team {
 public:
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }
  // Members at work now, or in the last run.
  int active() const { return active_; }
  // Runs work(member) on the first `members`, the caller being member 0; returns when all are done. Of more than one, all are woken
  // and waited for. Work must not throw.
  void run(int members, const std::function<void(int)>& work);
  // Of the active members.
  void barrier() {
    if (active_ > 1) barrier_.wait(active_);
  }

 private:
  void loop(int member);
  void end();

  const int size_;
  int active_ = 1;
  std::atomic<int> caller_{-1};  // member 0's processor
  Barrier barrier_;
  const std::function<void(int)>* work_ = nullptr;
  alignas(64) std::atomic<uint32_t> round_{0};
  alignas(64) std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

// Denormals cost a hundred cycles each, and Adam's moments of never-lit pixels decay into them. Sets flush-to-zero in
// the calling thread: only ever one of ours, never JavaScript's.
void flushDenormals();

}  // namespace fusor
