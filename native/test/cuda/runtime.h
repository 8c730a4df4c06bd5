// What a fiber that plays a CUDA thread asks of the grid that it is in.
#pragma once
#include <stdint.h>

namespace emulated {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

// The thread that runs.
struct Thread {
  Dim threadIdx, blockIdx, blockDim, gridDim;
  unsigned rank = 0;  // of its block in the cluster
};

constexpr unsigned kSlot = 64;  // bytes that a lane may hand over

struct Runtime {
  const Thread* current;
  unsigned char* (*shared)(unsigned rank);  // dynamic shared memory of a block of the cluster
  void (*barrier)();
  void (*clusterArrive)();
  void (*clusterWait)();
  // Hands `bytes` to all lanes of the warp: slot i of the answer is lane i's.
  const unsigned char* (*exchange)(const void* value, unsigned bytes);
  // cp.async.bulk: done when its barrier is waited for, and not a moment earlier.
  void (*copyLater)(void* to, const void* from, unsigned bytes, void* barrier);
  // mbarrier, of one arrival a phase: it ends when somebody has said how many bytes to expect, and as many have come.
  void (*expectBytes)(void* barrier, unsigned bytes);
  void (*completeBytes)(void* barrier, unsigned bytes);
  void (*waitForBytes)(void* barrier, unsigned parity);
  unsigned long long (*nanoseconds)();
};

}  // namespace emulated
