#include "fibers.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#if defined(__x86_64__)
// Saves what a function must keep, changes stacks, restores. swapcontext() would ask the kernel for the signal mask, twice.
asm(R"(
.text
.globl fusorSwitchStack
.type fusorSwitchStack, @function
fusorSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size fusorSwitchStack, .-fusorSwitchStack
)");
extern "C" void fusorSwitchStack(void** save, void* to);
#endif

namespace fusor::test {
namespace {
Fibers* running = nullptr;
}

Fibers::Fibers() = default;

Fibers::~Fibers() {
  for (Fiber& fiber : fibers_) {
    if (fiber.stack) munmap(fiber.stack, kStack);
  }
}

void Fibers::enter() {
  Fibers& self = *running;
  const int index = self.current_;
  self.run_(index);
  self.fibers_[index].ended = true;
  self.yield();
  std::abort();
}

void Fibers::start(int count, void (*run)(int)) {
  run_ = run;
  if (fibers_.size() < static_cast<size_t>(count)) fibers_.resize(count);
  for (int i = 0; i < count; ++i) {
    Fiber& fiber = fibers_[i];
    if (!fiber.stack) {
      void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) std::perror("mmap"), std::abort();
      fiber.stack = static_cast<char*>(memory);
    }
    fiber.ended = false;
#if defined(__x86_64__)
    // As a call would find it: 16-byte aligned before the return address was pushed.
    auto** top = reinterpret_cast<void**>(fiber.stack + kStack - 16);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(&Fibers::enter);
    top -= 6;
    fiber.at = top;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack = {fiber.stack, 0, kStack};
    makecontext(&fiber.context, &Fibers::enter, 0);
#endif
  }
}

void Fibers::resume(int index) {
  running = this;
  current_ = index;
#if defined(__x86_64__)
  fusorSwitchStack(&home_, fibers_[index].at);
#else
  swapcontext(&home_, &fibers_[index].context);
#endif
}

void Fibers::yield() {
#if defined(__x86_64__)
  fusorSwitchStack(&fibers_[current_].at, home_);
#else
  swapcontext(&fibers_[current_].context, &home_);
#endif
}

}  // namespace fusor::test
