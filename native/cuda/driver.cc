#include "driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace fusor::cuda {
namespace {

// cuLaunchKernelEx and NVRTC's cubins for Hopper begin here; every driver since October 2022 has it.
constexpr int kOldest = 11080;

[[noreturn]] void unavailable(const std::string& reason, const std::string& cure) {
  throw Failure("ERR_BACKEND_UNAVAILABLE", reason + " · libcuda.so.1 · " + cure);
}

template <class F>
void bind(void* library, F& function, const char* name) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (!function) unavailable(std::string("the NVIDIA driver is too old: it lacks ") + name, "install driver 525 or newer");
}

DriverApi bindAll(void* library) {
  DriverApi api{};
  bind(library, api.driverGetVersion, "cuDriverGetVersion");
  int version = 0;
  if (api.driverGetVersion(&version) == kSuccess && version > 0 && version < kOldest) {
    unavailable("the NVIDIA driver is too old: it serves CUDA " + versionText(version) + ", fusor needs " + versionText(kOldest),
                "install driver 525 or newer");
  }
  bind(library, api.init, "cuInit");
  bind(library, api.getErrorName, "cuGetErrorName");
  bind(library, api.getErrorString, "cuGetErrorString");
  bind(library, api.deviceGetCount, "cuDeviceGetCount");
  bind(library, api.deviceGet, "cuDeviceGet");
  bind(library, api.deviceGetName, "cuDeviceGetName");
  bind(library, api.deviceGetAttribute, "cuDeviceGetAttribute");
  bind(library, api.deviceTotalMem, "cuDeviceTotalMem_v2");
  bind(library, api.primaryCtxRetain, "cuDevicePrimaryCtxRetain");
  bind(library, api.primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  bind(library, api.ctxSetCurrent, "cuCtxSetCurrent");
  bind(library, api.memGetInfo, "cuMemGetInfo_v2");
  bind(library, api.memAlloc, "cuMemAlloc_v2");
  bind(library, api.memFree, "cuMemFree_v2");
  bind(library, api.memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  bind(library, api.memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  bind(library, api.memsetD8Async, "cuMemsetD8Async");
  bind(library, api.streamCreate, "cuStreamCreate");
  bind(library, api.streamDestroy, "cuStreamDestroy_v2");
  bind(library, api.streamQuery, "cuStreamQuery");
  bind(library, api.streamSynchronize, "cuStreamSynchronize");
  bind(library, api.eventCreate, "cuEventCreate");
  bind(library, api.eventDestroy, "cuEventDestroy_v2");
  bind(library, api.eventRecord, "cuEventRecord");
  bind(library, api.eventSynchronize, "cuEventSynchronize");
  bind(library, api.eventElapsedTime, "cuEventElapsedTime");
  bind(library, api.streamBeginCapture, "cuStreamBeginCapture_v2");
  bind(library, api.streamEndCapture, "cuStreamEndCapture");
  bind(library, api.graphInstantiate, "cuGraphInstantiateWithFlags");
  bind(library, api.graphLaunch, "cuGraphLaunch");
  bind(library, api.graphExecDestroy, "cuGraphExecDestroy");
  bind(library, api.graphDestroy, "cuGraphDestroy");
  bind(library, api.moduleLoadDataEx, "cuModuleLoadDataEx");
  bind(library, api.moduleUnload, "cuModuleUnload");
  bind(library, api.moduleGetFunction, "cuModuleGetFunction");
  bind(library, api.funcSetAttribute, "cuFuncSetAttribute");
  bind(library, api.launchKernelEx, "cuLaunchKernelEx");
  bind(library, api.occupancyMaxActiveBlocks, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  bind(library, api.occupancyMaxPotentialClusterSize, "cuOccupancyMaxPotentialClusterSize");
  return api;
}

// What cuInit says, in a sentence, with what to do about it.
[[noreturn]] void failed(const DriverApi& api, Result result) {
  const char* name = nullptr;
  const std::string code = api.getErrorName(result, &name) == kSuccess && name ? name : "error " + std::to_string(result);
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  switch (result) {
    case kNoDevice:
      if (visible) unavailable(std::string("CUDA_VISIBLE_DEVICES='") + visible + "' hides every GPU from the driver", "unset it");
      unavailable("the NVIDIA driver finds no GPU (" + code + ")", "check nvidia-smi; in a container pass the GPU in (--gpus all)");
    case 802:
      unavailable("the GPU's fabric is not ready (" + code + ")", "start nvidia-fabricmanager, or wait for it");
    case 803:
      unavailable("the driver's library and its kernel module are of different versions (" + code + ")", "restart the machine");
    case 34:
      unavailable("libcuda.so.1 is the toolkit's stub, not a driver (" + code + ")", "take the stubs folder out of LD_LIBRARY_PATH");
    default:
      unavailable("the NVIDIA driver fails to start (" + code + ")", "check nvidia-smi; reload the driver, or restart the machine");
  }
}

struct Loaded {
  std::mutex mutex;
  bool done = false;
  DriverApi api;
  // By device number: why it was lost.
  std::vector<std::string> lost;
};

// Never freed: kernels of threads that outlive main's statics may still fail.
Loaded& loaded() {
  static auto* state = new Loaded;
  return *state;
}

std::string size(size_t bytes) {
  char text[32];
  const double gib = static_cast<double>(bytes) / (1 << 30);
  std::snprintf(text, sizeof text, gib >= 1 ? "%.1f GiB" : "%.0f MiB", gib >= 1 ? gib : gib * 1024);
  return text;
}

std::string label(int index) { return "cuda:" + std::to_string(index); }

}  // namespace

const DriverApi& driver() {
  Loaded& state = loaded();
  const std::lock_guard lock(state.mutex);
  if (state.done) return state.api;
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    const std::string text = why ? why : "";
    if (text.find("No such file") != std::string::npos) {
      unavailable("there is no NVIDIA driver here", "install one, if there is an NVIDIA GPU; in a container pass it in (--gpus all)");
    }
    unavailable("the NVIDIA driver's library does not load (" + text + ")", "install the driver anew");
  }
  const DriverApi api = bindAll(library);
  if (const Result result = api.init(0); result != kSuccess) failed(api, result);
  state.api = api;
  state.done = true;
  return state.api;
}

int driverVersion() {
  int version = 0;
  driver().driverGetVersion(&version);
  return version;
}

std::string versionText(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::vector<Properties> devicesHere() {
  const DriverApi& api = driver();
  int count = 0;
  if (const Result result = api.deviceGetCount(&count); result != kSuccess) failed(api, result);
  if (count == 0) failed(api, kNoDevice);
  std::vector<Properties> list;
  for (int i = 0; i < count; ++i) {
    DeviceId id = 0;
    char name[256] = "";
    size_t bytes = 0;
    int shared = 0, cooperative = 0;
    Properties p;
    const auto attribute = [&](int which, int& value) { check(api.deviceGetAttribute(&value, which, id), i, "asking for its properties"); };
    check(api.deviceGet(&id, i), i, "asking for its properties");
    check(api.deviceGetName(name, sizeof name, id), i, "asking for its name");
    check(api.deviceTotalMem(&bytes, id), i, "asking for its memory");
    attribute(kMajor, p.major);
    attribute(kMinor, p.minor);
    attribute(kMultiprocessors, p.multiprocessors);
    attribute(kSharedPerBlockOptIn, shared);
    attribute(kCooperativeLaunch, cooperative);
    p.name = name;
    p.memoryBytes = static_cast<int64_t>(bytes);
    p.sharedBytesPerBlock = shared;
    p.mayWait = cooperative != 0;
    list.push_back(p);
  }
  return list;
}

bool isSticky(Result result) {
  switch (result) {
    case 4:    // deinitialized
    case 46:   // device unavailable
    case 214:  // ECC, uncorrectable
    case 220:  // NVLink, uncorrectable
    case 226:  // contained
    case 700:  // illegal address
    case 702:  // launch timeout
    case 709:  // context is destroyed
    case 710:  // assert
    case 714:  // hardware stack
    case 715:  // illegal instruction
    case 716:  // misaligned address
    case 717:  // invalid address space
    case 718:  // invalid program counter
    case 719:  // launch failed
    case 721:  // tensor memory leak
    case 999:  // unknown
      return true;
    default:
      return false;
  }
}

// "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered"
static std::string errorText(Result result) {
  const DriverApi& api = driver();
  const char *name = nullptr, *text = nullptr;
  if (api.getErrorName(result, &name) != kSuccess || !name) return "CUDA_ERROR_" + std::to_string(result);
  return api.getErrorString(result, &text) == kSuccess && text ? std::string(name) + ": " + text : name;
}

static void markLost(int index, const std::string& reason) {
  Loaded& state = loaded();
  const std::lock_guard lock(state.mutex);
  if (static_cast<size_t>(index) >= state.lost.size()) state.lost.resize(index + 1);
  if (state.lost[index].empty()) state.lost[index] = reason;
}

Failure failureOf(Result result, int index, const std::string& doing) {
  const std::string text = errorText(result);
  if (result == kOutOfMemory) {
    return Failure("ERR_OUT_OF_MEMORY", label(index) + " is out of memory · " + doing + " · " + kSmallerBatch);
  }
  if (isSticky(result)) {
    markLost(index, text);
    return Failure("ERR_DEVICE_LOST", text + " · " + label(index) + ", " + doing + " · go on from the last checkpoint, in another process or on another device");
  }
  return Failure("ERR_NATIVE", text + " · " + label(index) + ", " + doing);
}

void check(Result result, int index, const std::string& doing) {
  if (result != kSuccess) throw failureOf(result, index, doing);
}

bool isLost(int index) {
  Loaded& state = loaded();
  const std::lock_guard lock(state.mutex);
  return static_cast<size_t>(index) < state.lost.size() && !state.lost[index].empty();
}

void refuseIfLost(int index) {
  if (!isLost(index)) return;
  Loaded& state = loaded();
  const std::lock_guard lock(state.mutex);
  throw Failure("ERR_DEVICE_LOST", state.lost[index] + " · " + label(index) + ", lost in this process · go on from the last checkpoint, in another process");
}

Failure outOfMemory(int index, size_t need, size_t free, size_t total) {
  return Failure("ERR_OUT_OF_MEMORY", label(index) + " is out of memory: " + size(need) + " more are needed, " + size(free) + " of " +
                                          size(total) + " are free · native backend · " + kSmallerBatch);
}

}  // namespace fusor::cuda
