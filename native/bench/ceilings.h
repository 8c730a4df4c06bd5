// The ceilings of this machine, measured on the spot: what `fusor bench` and a roofline hold a measurement against.
#pragma once
#include <string>
#include <vector>

namespace fusor {

struct Bandwidth {
  std::string level;       // "L1", "L2", "L3", "memory"
  int64_t bytes;           // of the level, as far as `threads` threads share it; 0 for memory
  double read, update;     // bytes a second, all threads together; update: in place, read and written both counted
};

struct Ceilings {
  int threads;
  // Floating-point operations a second, all threads together, by instruction set or precision: a multiply-add counts two.
  std::vector<std::pair<std::string, double>> flops;
  std::vector<Bandwidth> bandwidths;
};

// The best of several short tries, some 0.4 s in all. Call from a thread that may spin.
Ceilings measureCeilings(int threads);

// Those of a GPU, through libtorch: products of large matrices by precision, copies within its cache and its memory. `threads` is 0.
// index: as of TorchPlace. Throws Failure as that does.
Ceilings measureGpuCeilings(int index);

}  // namespace fusor
