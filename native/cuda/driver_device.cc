#include "driver_device.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "driver.h"
#include "module_cache.h"
#include "nvrtc.h"

namespace fusor::cuda {

struct Kernel {
  std::string name;  // for errors
  Module module;
  Function function;
  // The most dynamic shared memory that it was allowed so far; 48 KiB need no leave.
  mutable uint32_t sharedBytes = 48 * 1024;
};

namespace {

std::string shapeText(const uint32_t (&shape)[3]) {
  return std::to_string(shape[0]) + "x" + std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
}

std::string launchText(const Launch& l) {
  return "launching " + l.kernel->name + ", grid " + shapeText(l.grid) + ", block " + shapeText(l.block) + ", cluster " +
         std::to_string(l.cluster) + ", " + std::to_string(l.sharedBytes) + " bytes of shared memory";
}

class DriverGraph : public Graph {
 public:
  DriverGraph(int index, std::shared_ptr<void> owner, GraphExec exec) : index_(index), owner_(std::move(owner)), exec_(exec) {}
  ~DriverGraph() override {
    if (!isLost(index_)) driver().graphExecDestroy(exec_);
  }
  GraphExec exec() const { return exec_; }

 private:
  int index_;
  std::shared_ptr<void> owner_;
  GraphExec exec_;
};

class DriverDevice : public Device {
 public:
  DriverDevice(Place place, Compiling compiling)
      : place_(std::move(place)), compiling_(std::move(compiling)), cache_(compiling_.cacheFolder), api_(driver()) {
    refuseIfLost(place_.index);
    properties_ = devicesHere().at(place_.index);
    if (properties_.major < 7 || (properties_.major == 7 && properties_.minor < 5)) {
      throw Failure("ERR_BACKEND_UNAVAILABLE", properties_.name + " is of compute capability " + std::to_string(properties_.major) + "." +
                                                   std::to_string(properties_.minor) + ", fused kernels need 7.5 · cuda:" +
                                                   std::to_string(place_.index) + " · use --kernels framework, or --device cpu");
    }
  }

  ~DriverDevice() override {
    if (isLost(place_.index)) return;
    try {
      // At the end of a process another thread may free us.
      const std::shared_ptr<void> context = enterPrimaryContext(place_.index);
      // Work that is still under way may be of these modules.
      api_.streamSynchronize(place_.stream);
      for (const auto& [key, kernel] : kernels_) api_.moduleUnload(kernel->module);
    } catch (const Failure&) {
      // Nobody is left to hear.
    }
  }

  const Properties& properties() const override { return properties_; }

  const Kernel* compile(const Program& program) override {
    refuseIfLost(place_.index);
    std::string key = program.file + '\0' + program.entry;
    for (const auto& [name, value] : program.defines) key += '\0' + name + '=' + value;
    const auto found = kernels_.find(key);
    if (found != kernels_.end()) return found->second.get();
    return kernels_.emplace(key, build(program)).first->second.get();
  }

  int mostInCluster(const Launch& launch) override {
    refuseIfLost(place_.index);
    allowShared(launch);
    const LaunchConfig config = configOf(launch);
    int most = 0;
    check(api_.occupancyMaxPotentialClusterSize(&most, launch.kernel->function, &config), "asking for the size of clusters");
    return most;
  }

  int mostAtOnce(const Launch& launch) override {
    refuseIfLost(place_.index);
    if (!properties_.mayWait) return 0;
    allowShared(launch);
    int blocks = 0;
    check(api_.occupancyMaxActiveBlocks(&blocks, launch.kernel->function, static_cast<int>(launch.block[0]), launch.sharedBytes),
          "asking how many blocks run at once");
    return blocks * properties_.multiprocessors;
  }

  std::unique_ptr<Memory> allocate(size_t bytes) override {
    refuseIfLost(place_.index);
    return place_.allocate(std::max<size_t>(bytes, 1));
  }

  void upload(Address to, const void* from, size_t bytes) override {
    if (bytes == 0) return;
    refuseIfLost(place_.index);
    check(api_.memcpyHtoDAsync(to, from, bytes, place_.stream), "uploading " + std::to_string(bytes) + " bytes");
    // Where the device reads pageable memory itself, the copy may still be under way.
    synchronize();
  }

  void download(void* to, Address from, size_t bytes) override {
    if (bytes == 0) return;
    refuseIfLost(place_.index);
    check(api_.memcpyDtoHAsync(to, from, bytes, place_.stream), "downloading " + std::to_string(bytes) + " bytes");
    synchronize();
  }

  void fill(Address to, uint8_t value, size_t bytes) override {
    if (bytes == 0) return;
    refuseIfLost(place_.index);
    check(api_.memsetD8Async(to, value, bytes, place_.stream), "filling " + std::to_string(bytes) + " bytes");
  }

  void launch(const Launch& launch) override {
    refuseIfLost(place_.index);
    launchNow(launch);
  }

  std::unique_ptr<Graph> record(const std::vector<Launch>& launches) override {
    refuseIfLost(place_.index);
    for (const Launch& launch : launches) allowShared(launch);
    check(api_.streamBeginCapture(place_.stream, kCaptureThreadLocal), "beginning to record a graph");
    GraphHandle graph = nullptr;
    try {
      for (const Launch& launch : launches) launchNow(launch);
    } catch (...) {
      // The stream must not stay in capture.
      if (api_.streamEndCapture(place_.stream, &graph) == kSuccess && graph) api_.graphDestroy(graph);
      throw;
    }
    check(api_.streamEndCapture(place_.stream, &graph), "recording a graph");
    GraphExec exec = nullptr;
    const Result result = api_.graphInstantiate(&exec, graph, 0);
    api_.graphDestroy(graph);
    check(result, "making a graph of " + std::to_string(launches.size()) + " launches");
    return std::make_unique<DriverGraph>(place_.index, place_.owner, exec);
  }

  void replay(const Graph& graph) override {
    refuseIfLost(place_.index);
    check(api_.graphLaunch(static_cast<const DriverGraph&>(graph).exec(), place_.stream), "launching a graph");
  }

  void synchronize() override {
    refuseIfLost(place_.index);
    check(api_.streamSynchronize(place_.stream), "waiting for its work");
  }

 private:
  void check(Result result, const std::string& doing) const { cuda::check(result, place_.index, doing); }

  void allowShared(const Launch& launch) const {
    if (launch.sharedBytes > launch.kernel->sharedBytes) {
      check(api_.funcSetAttribute(launch.kernel->function, kMaxDynamicShared, static_cast<int>(launch.sharedBytes)), launchText(launch));
      launch.kernel->sharedBytes = launch.sharedBytes;
    }
    // The largest cluster that every device takes.
    if (launch.cluster > 8) check(api_.funcSetAttribute(launch.kernel->function, kNonPortableCluster, 1), launchText(launch));
  }

  LaunchConfig configOf(const Launch& launch) const {
    LaunchConfig config{};
    std::copy_n(launch.grid, 3, config.grid);
    std::copy_n(launch.block, 3, config.block);
    config.sharedBytes = launch.sharedBytes;
    config.stream = place_.stream;
    return config;
  }

  void launchNow(const Launch& launch) const {
    allowShared(launch);
    LaunchAttribute attributes[2] = {};
    LaunchConfig config = configOf(launch);
    config.attributes = attributes;
    if (launch.cluster > 1) {
      LaunchAttribute& cluster = attributes[config.attributeCount++];
      cluster.id = kClusterDimension;
      cluster.value.cluster[0] = launch.cluster;
      cluster.value.cluster[1] = cluster.value.cluster[2] = 1;
    }
    if (launch.atOnce) {
      LaunchAttribute& cooperative = attributes[config.attributeCount++];
      cooperative.id = kCooperative;
      cooperative.value.cooperative = 1;
    }
    // The driver copies as many bytes as the kernel's one parameter has.
    void* parameters[] = {const_cast<std::byte*>(launch.parameters.data())};
    check(api_.launchKernelEx(&config, launch.kernel->function, launch.parameters.empty() ? nullptr : parameters, nullptr), launchText(launch));
  }

  const Nvrtc& nvrtc() {
    if (!nvrtc_) {
      nvrtc_.emplace(compiling_.nvrtcFolders);
      // Older drivers load the code of newer compilers of the same major version only.
      if (nvrtc_->version() / 1000 > driverVersion() / 1000) {
        const std::string reason = "NVRTC " + versionText(nvrtc_->version()) + " does not go with the NVIDIA driver, which serves CUDA " +
                                   versionText(driverVersion());
        const std::string path = nvrtc_->path();
        nvrtc_.reset();
        throw Failure("ERR_BACKEND_UNAVAILABLE", reason + " · " + path + " · install a newer driver, or a libtorch of an older CUDA");
      }
    }
    return *nvrtc_;
  }

  std::unique_ptr<Kernel> build(const Program& program) {
    // What NVRTC made is known without loading it: that takes longer than loading a kernel.
    std::string key = nvrtcIdentity(compiling_.nvrtcFolders);
    if (key.empty()) key = "NVRTC " + std::to_string(nvrtc().version());
    key += '\0' + program.file;
    for (const std::string& option : compileOptions(program, "of " + std::to_string(10 * properties_.major + properties_.minor))) {
      key += '\0' + option;
    }
    for (const Source& source : compiling_.sources) key.append("\0", 1).append(source.name).append("\0", 1).append(source.text);
    if (const auto image = cache_.find(key)) {
      try {
        return load(program, *image);
      } catch (const Failure& failure) {
        if (failure.code() != "ERR_NATIVE") throw;
        cache_.forget(key);  // the driver refuses it: made anew
      }
    }
    const std::string architecture = nvrtc().architectureFor(properties_.major, properties_.minor);
    const Nvrtc::Image image = nvrtc().compile(compiling_.sources, program, architecture);
    auto kernel = load(program, image.bytes);
    cache_.keep(key, image.bytes);
    return kernel;
  }

  std::unique_ptr<Kernel> load(const Program& program, const std::vector<char>& image) const {
    std::array<char, 8192> log{};
    int names[] = {kErrorLog, kErrorLogBytes};
    void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
    Module module = nullptr;
    const Result result = api_.moduleLoadDataEx(&module, image.data(), 2, names, values);
    check(result, "loading " + program.file + (log[0] ? "\n" : "") + log.data());
    Function function = nullptr;
    if (const Result found = api_.moduleGetFunction(&function, module, program.entry.c_str()); found != kSuccess) {
      api_.moduleUnload(module);
      check(found, "looking for " + program.entry + " in " + program.file);
    }
    return std::make_unique<Kernel>(Kernel{program.entry, module, function});
  }

  const Place place_;
  const Compiling compiling_;
  const ModuleCache cache_;
  const DriverApi& api_;
  Properties properties_;
  std::optional<Nvrtc> nvrtc_;
  std::map<std::string, std::unique_ptr<Kernel>> kernels_;
};

class PlainMemory : public Memory {
 public:
  PlainMemory(int index, std::shared_ptr<void> owner, Address address) : index_(index), owner_(std::move(owner)), address_(address) {}
  ~PlainMemory() override {
    if (!isLost(index_)) driver().memFree(address_);
  }
  Address address() const override { return address_; }

 private:
  int index_;
  std::shared_ptr<void> owner_;
  Address address_;
};

}  // namespace

std::unique_ptr<Device> makeDriverDevice(Place place, Compiling compiling) {
  return std::make_unique<DriverDevice>(std::move(place), std::move(compiling));
}

std::shared_ptr<void> enterPrimaryContext(int index) {
  const DriverApi& api = driver();
  refuseIfLost(index);
  DeviceId id = 0;
  check(api.deviceGet(&id, index), index, "asking for it");
  Context context = nullptr;
  check(api.primaryCtxRetain(&context, id), index, "making its context");
  std::shared_ptr<void> owner(context, [index, id](void*) {
    if (!isLost(index)) driver().primaryCtxRelease(id);
  });
  check(api.ctxSetCurrent(context), index, "entering its context");
  return owner;
}

Place plainPlace(int index) {
  const std::shared_ptr<void> context = enterPrimaryContext(index);
  Stream stream = nullptr;
  check(driver().streamCreate(&stream, kStreamNonBlocking), index, "making a stream");
  const std::shared_ptr<void> owner(stream, [index, context](void* s) {
    if (!isLost(index)) driver().streamDestroy(static_cast<Stream>(s));
  });
  const auto allocate = [index, owner](size_t bytes) -> std::unique_ptr<Memory> {
    Address address = 0;
    const Result result = driver().memAlloc(&address, bytes);
    if (result == kOutOfMemory) {
      size_t free = 0, total = 0;
      check(driver().memGetInfo(&free, &total), index, "asking for free memory");
      throw outOfMemory(index, bytes, free, total);
    }
    check(result, index, "allocating " + std::to_string(bytes) + " bytes");
    return std::make_unique<PlainMemory>(index, owner, address);
  };
  return {index, stream, allocate, owner};
}

}  // namespace fusor::cuda
