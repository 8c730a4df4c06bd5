// Runs a grid of emulated threads: clusters of blocks one after the other, the threads of one in turns.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "fibers.h"
#include "runtime.h"

namespace fusor::test {

// In which order threads and blocks get their turns. Results may not depend on it.
enum class Order { Ascending, Descending, Shuffled };

class Grid {
 public:
  using Entry = void (*)(const void* parameters);
  // Throws std::runtime_error where threads wait for others that never come.
  void run(Entry entry, const cuda::Launch& launch, Order order);
  static emulated::Runtime& runtime();
  // The barrier that every thread leaves out, by its number: a fault to be found.
  int leaveOut = -1;

 private:
  struct Wait {
    uint64_t arrived = 0, generation = 0;
  };
  struct Copy {
    void* to;
    const void* from;
    unsigned bytes;
  };
  struct Bytes {
    Wait phases;
    int64_t missing = 0;
    bool expected = false;
    std::vector<Copy> copies;  // until somebody waits
  };
  struct Worker {
    emulated::Thread thread;
    const Wait* waitsFor = nullptr;
    uint64_t generation = 0;
    unsigned exchanges = 0;
    int barriers = 0;
    uint64_t clusterGeneration = 0;
  };
  struct Warp {
    Wait wait;
    std::vector<unsigned char> slots;  // two sets, by the exchange's parity
  };

  static Grid* self;
  static void runWorker(int index);
  static unsigned char* shared(unsigned rank);
  static void barrier();
  static void clusterArrive();
  static void clusterWait();
  static const unsigned char* exchange(const void* value, unsigned bytes);
  static void copyLater(void* to, const void* from, unsigned bytes, void* barrier);
  static void expectBytes(void* barrier, unsigned bytes);
  static void completeBytes(void* barrier, unsigned bytes);
  static void waitForBytes(void* barrier, unsigned parity);
  static unsigned long long nanoseconds();
  static void changeBytes(void* barrier, int64_t by, bool arrives);

  void runCluster(unsigned first, const cuda::Launch& launch, Order order);
  void arrive(Wait& wait, uint64_t expected);
  Worker& now() { return workers_[current_]; }

  Fibers fibers_;
  Entry entry_ = nullptr;
  const void* parameters_ = nullptr;
  int current_ = 0, threads_ = 0, sharedBytes_ = 0;
  std::vector<Worker> workers_;
  std::vector<Warp> warps_;
  std::vector<Wait> blocks_;
  Wait cluster_;
  std::map<void*, Bytes> bytes_;
  std::vector<std::unique_ptr<unsigned char[]>> shared_;
};

}  // namespace fusor::test
