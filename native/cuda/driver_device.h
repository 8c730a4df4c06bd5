// A Device through libcuda and NVRTC. Knows neither libtorch nor Node: whose stream and whose memory it uses is its caller's.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "driver_api.h"
#include "sources.h"

namespace fusor::cuda {

// Where a device works. The device's primary context must be current in the thread that uses it.
struct Place {
  int index = 0;  // as CUDA counts devices
  Stream stream = nullptr;
  std::function<std::unique_ptr<Memory>(size_t bytes)> allocate;  // throws Failure ERR_OUT_OF_MEMORY
  std::shared_ptr<void> owner;                                     // of stream and context; goes last
};

struct Compiling {
  std::string cacheFolder;                // empty: nothing is kept
  std::vector<std::string> nvrtcFolders;  // where NVRTC is looked for first
  std::vector<Source> sources = kernelSources();
};

// Loads NVRTC when the first kernel is compiled. Throws Failure.
std::unique_ptr<Device> makeDriverDevice(Place place, Compiling compiling);

// A place of its own, without libtorch: a new stream, and memory straight from the driver, each piece exactly as large as asked
// for, so that compute-sanitizer sees every overrun. Makes the primary context current in this thread.
Place plainPlace(int index);

// Makes the primary context current in this thread, and keeps it until the owner is gone.
std::shared_ptr<void> enterPrimaryContext(int index);

}  // namespace fusor::cuda
