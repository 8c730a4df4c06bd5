// CUDA's words for kernels that are compiled for the CPU (platform.h includes this where FUSOR_EMULATED is defined): a
// thread is a fiber, a barrier hands over to the next. What a fiber needs comes through one table, set when the compiled
// kernel is loaded. C's headers, without C++'s (-nostdinc++): hundreds of kernels are compiled, and <cmath> is half of the work.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "runtime.h"

extern "C" {
__attribute__((visibility("default"))) emulated::Runtime* fusorRuntime;
}

#define threadIdx (fusorRuntime->current->threadIdx)
#define blockIdx (fusorRuntime->current->blockIdx)
#define blockDim (fusorRuntime->current->blockDim)
#define gridDim (fusorRuntime->current->gridDim)

#define DEVICE inline
#define KERNEL(name, Parameters, threads)                                                      \
  static void name##Body(const Parameters& p);                                                 \
  extern "C" __attribute__((visibility("default"))) const unsigned name##Threads = (threads);  \
  extern "C" __attribute__((visibility("default"))) void name(const void* bytes) {             \
    name##Body(*static_cast<const Parameters*>(bytes));                                        \
  }                                                                                            \
  static void name##Body(const Parameters& p)
#define SHARED_MEMORY(type, name) \
  type* const name = reinterpret_cast<type*>(fusorRuntime->shared(fusorRuntime->current->rank))

struct alignas(16) float4 {
  float x, y, z, w;
};

template <int COUNT, class T>
void loadNow(const T* from, T* to) {
  memcpy(static_cast<void*>(to), from, 16 * COUNT);
}

inline float root(float x) { return sqrtf(x); }
inline float quotient(float x, float y) { return x / y; }

inline void __syncthreads() { fusorRuntime->barrier(); }
// A launch that runs at once is one cluster here.
class GridBarrier {
 public:
  explicit GridBarrier(unsigned*) {}
  void arrive() { fusorRuntime->clusterArrive(); }
  void wait() { fusorRuntime->clusterWait(); }
};
inline void __syncwarp() {
  const char nothing = 0;
  fusorRuntime->exchange(&nothing, 1);
}

inline unsigned emulatedLane() { return threadIdx.x % 32; }

template <class T>
inline T __shfl_xor_sync(unsigned, T value, int apart) {
  const unsigned char* slots = fusorRuntime->exchange(&value, sizeof value);
  T other;
  memcpy(&other, slots + (emulatedLane() ^ static_cast<unsigned>(apart)) * emulated::kSlot, sizeof other);
  return other;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }
inline float __uint_as_float(unsigned bits) { return __builtin_bit_cast(float, bits); }
inline unsigned __float_as_uint(float value) { return __builtin_bit_cast(unsigned, value); }
