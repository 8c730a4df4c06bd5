// What we use of libcuda: its types, numbers and calls as cuda.h has them (12.0 and 13.0 compared), so that no toolkit is
// needed to build. Versions in names are those of the library's own symbols; they never change meaning.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fusor::cuda {

using Result = int;  // CUresult
using DeviceId = int;
using Context = struct ContextHandle*;
using Module = struct ModuleHandle*;
using Function = struct FunctionHandle*;
using Stream = struct StreamHandle*;
using GraphHandle = struct GraphHandleStruct*;
using GraphExec = struct GraphExecHandle*;
using Event = struct EventHandle*;

constexpr Result kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100;

enum DeviceAttribute {
  kMultiprocessors = 16,
  kCacheBytes = 38,
  kMajor = 75,
  kMinor = 76,
  kCooperativeLaunch = 95,
  kSharedPerBlockOptIn = 97,
};
enum FunctionAttribute { kMaxDynamicShared = 8, kNonPortableCluster = 14 };
constexpr unsigned kStreamNonBlocking = 1, kNoTiming = 2;
constexpr int kCaptureThreadLocal = 1;
enum JitOption { kInfoLog = 3, kInfoLogBytes = 4, kErrorLog = 5, kErrorLogBytes = 6 };

// CUlaunchAttribute: the value is a union of 64 bytes.
struct LaunchAttribute {
  int id;
  char pad[4];
  union {
    char bytes[64];
    uint32_t cluster[3];
    int cooperative;
  } value;
};
static_assert(sizeof(LaunchAttribute) == 72);
constexpr int kCooperative = 2, kClusterDimension = 4;

// CUlaunchConfig
struct LaunchConfig {
  uint32_t grid[3], block[3];
  uint32_t sharedBytes;
  Stream stream;
  LaunchAttribute* attributes;
  uint32_t attributeCount;
};
static_assert(sizeof(LaunchConfig) == 56);

struct DriverApi {
  Result (*init)(unsigned flags);
  Result (*driverGetVersion)(int* version);
  Result (*getErrorName)(Result, const char** name);
  Result (*getErrorString)(Result, const char** text);
  Result (*deviceGetCount)(int* count);
  Result (*deviceGet)(DeviceId*, int ordinal);
  Result (*deviceGetName)(char* name, int length, DeviceId);
  Result (*deviceGetAttribute)(int* value, int attribute, DeviceId);
  Result (*deviceTotalMem)(size_t* bytes, DeviceId);
  Result (*primaryCtxRetain)(Context*, DeviceId);
  Result (*primaryCtxRelease)(DeviceId);
  Result (*ctxSetCurrent)(Context);
  Result (*memGetInfo)(size_t* free, size_t* total);
  Result (*memAlloc)(uint64_t* address, size_t bytes);
  Result (*memFree)(uint64_t address);
  Result (*memcpyHtoDAsync)(uint64_t to, const void* from, size_t bytes, Stream);
  Result (*memcpyDtoHAsync)(void* to, uint64_t from, size_t bytes, Stream);
  Result (*memsetD8Async)(uint64_t to, unsigned char value, size_t bytes, Stream);
  Result (*streamCreate)(Stream*, unsigned flags);
  Result (*streamDestroy)(Stream);
  Result (*streamQuery)(Stream);
  Result (*streamSynchronize)(Stream);
  Result (*eventCreate)(Event*, unsigned flags);
  Result (*eventDestroy)(Event);
  Result (*eventRecord)(Event, Stream);
  Result (*eventSynchronize)(Event);
  Result (*eventElapsedTime)(float* milliseconds, Event from, Event to);
  Result (*streamBeginCapture)(Stream, int mode);
  Result (*streamEndCapture)(Stream, GraphHandle*);
  Result (*graphInstantiate)(GraphExec*, GraphHandle, unsigned long long flags);
  Result (*graphLaunch)(GraphExec, Stream);
  Result (*graphExecDestroy)(GraphExec);
  Result (*graphDestroy)(GraphHandle);
  Result (*moduleLoadDataEx)(Module*, const void* image, unsigned options, int* names, void** values);
  Result (*moduleUnload)(Module);
  Result (*moduleGetFunction)(Function*, Module, const char* name);
  Result (*funcSetAttribute)(Function, int attribute, int value);
  Result (*launchKernelEx)(const LaunchConfig*, Function, void** parameters, void** extra);
  Result (*occupancyMaxActiveBlocks)(int* blocks, Function, int threads, size_t sharedBytes);  // of a multiprocessor
  Result (*occupancyMaxPotentialClusterSize)(int* size, Function, const LaunchConfig*);
};

}  // namespace fusor::cuda
