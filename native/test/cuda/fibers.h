// Many small stacks in one OS thread, handed over by hand.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace fusor::test {

class Fibers {
 public:
  Fibers();
  ~Fibers();
  // Makes `count` fibers, each of which will call run(index) once.
  void start(int count, void (*run)(int index));
  // Runs fiber `index` until it yields or ends. Called outside all fibers.
  void resume(int index);
  bool ended(int index) const { return fibers_[index].ended; }
  // Back to whoever resumed. Called by a fiber.
  void yield();

 private:
  static constexpr size_t kStack = 128 * 1024;
  struct Fiber {
    char* stack = nullptr;
    bool ended = true;
#if defined(__x86_64__)
    void* at = nullptr;
#else
    ucontext_t context;
#endif
  };
  static void enter();
  std::vector<Fiber> fibers_;
  void (*run_)(int) = nullptr;
  int current_ = -1;
#if defined(__x86_64__)
  void* home_ = nullptr;
#else
  ucontext_t home_;
#endif
};

}  // namespace fusor::test
