#include "emulated_device.h"

#include <dlfcn.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <semaphore>
#include <sstream>
#include <stdexcept>

#include "failure.h"
#include "test/judge.h"

extern char** environ;

namespace fusor::test {
namespace {

const std::filesystem::path kSources = FUSOR_NATIVE_FOLDER;

// What lies before and behind an allocation, and must stay as it is.
constexpr size_t kGuard = 256;
constexpr unsigned char kUnwritten = 0xff;  // NaN

class HostMemory : public cuda::Memory {
 public:
  HostMemory(size_t bytes, size_t& inUse)
      : bytes_(bytes), inUse_(inUse), block_(static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + 2 * kGuard + 255) / 256 * 256))) {
    inUse_ += bytes;
    std::memset(block_, 0xa5, kGuard);
    std::memset(block_ + kGuard, kUnwritten, bytes);
    std::memset(block_ + kGuard + bytes, 0xa5, kGuard);
  }
  ~HostMemory() override {
    inUse_ -= bytes_;
    for (size_t i = 0; i < kGuard; ++i) {
      if (block_[i] != 0xa5 || block_[kGuard + bytes_ + i] != 0xa5) {
        std::fprintf(stderr, "a kernel wrote beyond its memory of %zu bytes\n", bytes_);
        std::abort();
      }
    }
    std::free(block_);
  }
  cuda::Address address() const override { return reinterpret_cast<cuda::Address>(block_ + kGuard); }

 private:
  size_t bytes_;
  size_t& inUse_;
  unsigned char* block_;
};

struct Recorded : cuda::Graph {
  std::vector<cuda::Launch> launches;
};

std::string readAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Everything that a compiled kernel may depend on, besides its command.
const std::string& sources() {
  static const std::string all = [] {
    std::string text;
    for (const auto& folder : {kSources / "kernels/cuda", kSources / "test/cuda"}) {
      std::vector<std::filesystem::path> files;
      for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
      std::sort(files.begin(), files.end());
      for (const auto& file : files) {
        if (file.extension() == ".h" || file.extension() == ".cu") text += file.filename().string() + readAll(file);
      }
    }
    return text;
  }();
  return all;
}

int runCommand(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child;
  int status = 0;
  if (posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ) != 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<std::string> commandFor(const cuda::Program& program, const std::string& sources) {
  std::vector<std::string> command{FUSOR_CXX, "-x", "c++", "-std=c++20", "-nostdinc++", "-shared", "-fPIC", "-ffp-contract=off", "-fno-math-errno",
                                   "-fvisibility=hidden", "-w", "-DFUSOR_EMULATED", "-I" + (kSources / "test/cuda").string()};
  std::istringstream flags(FUSOR_KERNEL_FLAGS);
  for (std::string flag; flags >> flag;) command.push_back(flag);
  for (const auto& [name, value] : program.defines) command.push_back("-D" + name + "=" + value);
  command.push_back(sources + "/" + program.file);
  return command;
}

// A copy of the kernels with the fault in it.
std::string plant(const Fault& fault, const std::string& folder) {
  const auto copy = std::filesystem::path(folder) / ("fault-" + std::to_string(std::hash<std::string>()(sources() + fault.file + fault.from + fault.to)));
  std::filesystem::create_directories(copy);
  for (const auto& entry : std::filesystem::directory_iterator(kSources / "kernels/cuda")) {
    std::string text = readAll(entry.path());
    if (entry.path().filename() == fault.file) {
      const size_t at = text.find(fault.from);
      if (at == std::string::npos) throw Failure("ERR_NATIVE", fault.file + " holds no " + fault.from);
      text.replace(at, fault.from.size(), fault.to);
    }
    std::ofstream(copy / entry.path().filename(), std::ios::binary) << text;
  }
  return copy.string();
}

void* build(std::vector<std::string> command, const std::filesystem::path library) {
  static std::counting_semaphore<> compilers(2);
  if (!std::filesystem::exists(library)) {
    compilers.acquire();
    const std::string part = library.string() + "." + std::to_string(getpid());
    command.insert(command.end(), {"-o", part});
    const int status = runCommand(command);
    compilers.release();
    if (status != 0) throw Failure("ERR_NATIVE", library.string() + " does not compile");
    std::filesystem::rename(part, library);
  }
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw Failure("ERR_NATIVE", dlerror());
  *static_cast<emulated::Runtime**>(dlsym(handle, "fusorRuntime")) = &Grid::runtime();
  return handle;
}

// Of this process: a library is compiled and loaded once. Several compile at once; a launch waits for its own.
std::shared_future<void*> libraryFor(const std::vector<std::string>& command, const std::string& folder, const std::string& file) {
  static std::map<std::string, std::shared_future<void*>> all;
  std::string text = sources();
  for (const auto& word : command) text += '\0' + word;
  char digest[17];
  std::snprintf(digest, sizeof digest, "%016zx", std::hash<std::string>()(text));
  const std::string library = folder + "/" + file + "." + digest + ".so";
  auto& future = all[library];
  if (!future.valid()) future = std::async(std::launch::async, build, command, library).share();
  return future;
}

}  // namespace

EmulatedDevice::EmulatedDevice(EmulatedOptions options) : options_(std::move(options)) {
  std::filesystem::create_directories(options_.folder);
  sources_ = options_.fault.file.empty() ? (kSources / "kernels/cuda").string() : plant(options_.fault, options_.folder);
  properties_ = {"emulated", options_.major, 0, options_.multiprocessors, 227 * 1024, options_.mostAtOnce > 0, static_cast<int64_t>(options_.memory)};
}

EmulatedDevice::~EmulatedDevice() = default;

const cuda::Kernel* EmulatedDevice::compile(const cuda::Program& program) {
  std::string key = program.file + " " + program.entry;
  for (const auto& [name, value] : program.defines) key += " " + name + "=" + value;
  auto& kernel = kernels_[key];
  if (!kernel) {
    kernel = std::make_unique<cuda::Kernel>();
    kernel->entry = program.entry;
    kernel->library = libraryFor(commandFor(program, sources_), options_.folder, program.file);
  }
  return kernel.get();
}

std::unique_ptr<cuda::Memory> EmulatedDevice::allocate(size_t bytes) {
  if (inUse_ + bytes > options_.memory) {
    throw Failure("ERR_OUT_OF_MEMORY", format("%zu bytes asked for, %zu free · emulated · %s", bytes, options_.memory - inUse_, kSmallerBatch));
  }
  return std::make_unique<HostMemory>(bytes, inUse_);
}

void EmulatedDevice::upload(cuda::Address to, const void* from, size_t bytes) {
  if (bytes) std::memcpy(reinterpret_cast<void*>(to), from, bytes);
}

void EmulatedDevice::download(void* to, cuda::Address from, size_t bytes) {
  if (bytes) std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
}

void EmulatedDevice::fill(cuda::Address to, uint8_t value, size_t bytes) { std::memset(reinterpret_cast<void*>(to), value, bytes); }

void EmulatedDevice::launch(const cuda::Launch& launch) {
  ++launches_;
  if (launch.grid[1] > 65535) throw Failure("ERR_NATIVE", "a grid of more rows than a GPU's has");
  if (launch.atOnce && options_.refuseAtOnce) throw Failure("ERR_NATIVE", "told to refuse it");
  void* const library = launch.kernel->library.get();
  const std::string& entry = launch.kernel->entry;
  const auto* const threads = static_cast<const unsigned*>(dlsym(library, (entry + "Threads").c_str()));
  if (!threads || *threads != launch.block[0]) throw Failure("ERR_NATIVE", entry + ": launched with other threads than it is made for");
  grid.run(reinterpret_cast<Grid::Entry>(dlsym(library, entry.c_str())), launch, options_.order);
}

std::unique_ptr<cuda::Graph> EmulatedDevice::record(const std::vector<cuda::Launch>& launches) {
  auto graph = std::make_unique<Recorded>();
  graph->launches = launches;
  return graph;
}

void EmulatedDevice::replay(const cuda::Graph& graph) {
  for (const cuda::Launch& one : static_cast<const Recorded&>(graph).launches) launch(one);
}

}  // namespace fusor::test
