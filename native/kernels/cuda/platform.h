// The dialect that the kernels are written in: CUDA C++ as NVRTC has it, with nothing included. Under emulation
// (native/test/cuda) the same words mean fibers on the CPU.
#pragma once
#ifdef FUSOR_EMULATED
#include "emulated.h"
#else

#define DEVICE __device__ __forceinline__
// A kernel: KERNEL(name, struct of its parameters, threads in a block) { … p … }
#define KERNEL(name, Parameters, threads) \
  extern "C" __global__ void __launch_bounds__(threads, 1) name(const __grid_constant__ Parameters p)
// The block's dynamic shared memory, 16-byte aligned.
#define SHARED_MEMORY(type, name)                               \
  extern __shared__ __align__(16) unsigned char fusorShared[]; \
  type* const name = reinterpret_cast<type*>(fusorShared)

// The hardware's own, one instruction each, within 2 units in the last place; denormals are zeros. IEEE's take an
// optimiser's step several times as long.
DEVICE float root(float x) {
  float y;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEVICE float quotient(float x, float y) {
  float inverse;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(y));
  return x * inverse;
}

// Pieces of 16 bytes, asked for here: volatile to the assembler, too, which would put it off to where they are needed.
template <int COUNT, class T>
DEVICE void loadNow(const T* from, T* to) {
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    unsigned* word = reinterpret_cast<unsigned*>(to) + 4 * i;
    asm volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "l"(reinterpret_cast<const unsigned*>(from) + 4 * i));
  }
}

// All blocks of a launch that runs at once wait for each other. Its word of memory is 0 before the first launch, and as good as that
// after each: the blocks' arrivals add up to 2^31, so the top bit turns over when all have come.
class GridBarrier {
 public:
  DEVICE explicit GridBarrier(unsigned* arrived) : arrived_(arrived) {
    if (threadIdx.x == 0) seen_ = load();
  }
  // What this block has written is there for those who wait.
  DEVICE void arrive() {
    __syncthreads();
    if (threadIdx.x != 0) return;
    const unsigned share = blockIdx.x == 0 ? kTop - (gridDim.x - 1) : 1;
    asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(arrived_), "r"(share) : "memory");
  }
  DEVICE void wait() {
    if (threadIdx.x == 0) {
      // Somebody who never comes is an error of the device, not the end of the process's patience.
      for (unsigned polls = 0; ((load() ^ seen_) & kTop) == 0;) {
        if (++polls == kMostPolls) asm volatile("trap;");
      }
      seen_ ^= kTop;
    }
    __syncthreads();
  }

 private:
  static constexpr unsigned kTop = 1u << 31, kMostPolls = 1u << 26;  // some 20 s
  // Acquires each time: a fence after it would ask for the round to memory once more.
  DEVICE unsigned load() const {
    unsigned now;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(arrived_) : "memory");
    return now;
  }
  unsigned* const arrived_;
  unsigned seen_ = 0;
};

#endif

constexpr unsigned kEveryLane = 0xffffffffu;

template <class T>
DEVICE T least(T a, T b) {
  return b < a ? b : a;
}

// All lanes get the sum, added in one fixed order.
template <class T>
DEVICE T warpSum(T value) {
  for (int apart = 16; apart > 0; apart /= 2) value += __shfl_xor_sync(kEveryLane, value, apart);
  return value;
}
