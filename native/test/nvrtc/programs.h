// Every kernel that the fused CUDA trainer may ask for, as it asks for it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cuda/device.h"

namespace fusor::test {

// How an entry of a program is launched, at most.
struct Use {
  unsigned threads = 0, sharedBytes = 0, cluster = 1;
};

struct Wanted {
  cuda::Program program;            // its entry: the first that was asked for
  std::map<std::string, Use> uses;  // by entry
  bool sample = false;              // of the flagship
};

// By name: file and defines. What the emulator's case table and the flagship use, on small and large GPUs
// of compute capability major.0.
std::map<std::string, Wanted> programsWanted(int major);

}  // namespace fusor::test
