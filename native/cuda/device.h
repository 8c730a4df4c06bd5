// What the fused CUDA trainer asks of a GPU, and all it knows of one. driver_device.cc does it with libcuda and NVRTC;
// the tests do it on the CPU, with the kernels' own source.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fusor::cuda {

// An address on the device. Arithmetic on it is in bytes.
using Address = uint64_t;

// A kernel to compile: a file of native/kernels/cuda, an extern "C" entry in it, and what it is specialised for.
struct Program {
  std::string file, entry;
  std::vector<std::pair<std::string, std::string>> defines;
};

// A compiled kernel; belongs to its device.
struct Kernel;

// Parameters are one struct passed by value (kernels/cuda/params.h): its bytes.
struct Launch {
  const Kernel* kernel;
  uint32_t grid[3], block[3];
  uint32_t cluster = 1;      // blocks of x that share memory; more than 1 from compute capability 9.0 on
  uint32_t sharedBytes = 0;  // dynamic
  std::vector<std::byte> parameters;
  bool atOnce = false;  // all blocks run at the same time, and may wait for each other
};

// Of a kernel on a grid of across x down blocks.
template <class P>
Launch launchOf(const Kernel* kernel, int across, int down, int threads, int sharedBytes, const P& parameters) {
  const auto size = [](int value) { return static_cast<uint32_t>(value); };
  Launch launch{kernel, {size(across), size(down), 1}, {size(threads), 1, 1}, 1, size(sharedBytes), std::vector<std::byte>(sizeof(P))};
  std::memcpy(launch.parameters.data(), &parameters, sizeof(P));
  return launch;
}

// A sequence of launches that replays unchanged.
class Graph {
 public:
  virtual ~Graph() = default;
};

// Freed with the object.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Address address() const = 0;
};

struct Properties {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int64_t sharedBytesPerBlock = 0;  // with opt-in
  bool mayWait = false;             // blocks of a launch for each other, where they run at once
  int64_t memoryBytes = 0;
};

// All calls come from the session's thread; work is asynchronous on one stream, in order. Throws Failure:
// ERR_OUT_OF_MEMORY leaves the device usable, ERR_DEVICE_LOST does not: nothing may touch it again.
class Device {
 public:
  virtual ~Device() = default;
  virtual const Properties& properties() const = 0;
  virtual const Kernel* compile(const Program& program) = 0;  // cached
  virtual int mostInCluster(const Launch& launch) = 0;  // blocks that could share memory, with what the launch's take
  virtual int mostAtOnce(const Launch& launch) = 0;  // blocks that could run at the same time, with what the launch's take
  virtual std::unique_ptr<Memory> allocate(size_t bytes) = 0;
  virtual void upload(Address to, const void* from, size_t bytes) = 0;    // `from` may change after the call
  virtual void download(void* to, Address from, size_t bytes) = 0;        // waits
  virtual void fill(Address to, uint8_t value, size_t bytes) = 0;
  virtual void launch(const Launch& launch) = 0;
  virtual std::unique_ptr<Graph> record(const std::vector<Launch>& launches) = 0;
  virtual void replay(const Graph& graph) = 0;
  virtual void synchronize() = 0;
};

}  // namespace fusor::cuda
