// A libcuda that computes nothing: memory is the host's, kernels do not run. STUB says how it fails; a call after the device was
// lost ends the process, for nothing may touch a lost device.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { int id, pad, value[16]; } Attribute;
typedef struct { unsigned grid[3], block[3], shared; void* stream; Attribute* attributes; unsigned count; } Config;

static int lost, launches;
static const char* stub(void) { const char* s = getenv("STUB"); return s ? s : ""; }
static int is(const char* name) { return strcmp(stub(), name) == 0; }
// Every call that touches the device.
static int touch(int result) {
  if (lost) {
    fprintf(stderr, "stub: a lost device was touched\n");
    _exit(99);
  }
  return result;
}

int cuDriverGetVersion(int* version) { return *version = is("old") ? 11040 : 13000, 0; }
int cuInit(unsigned flags) {
  (void)flags;
  if (is("hang")) for (;;) pause();
  if (is("crash")) abort();
  if (is("none")) return 100;
  if (is("mismatch")) return 803;
  return is("failing") ? 999 : 0;
}
int cuGetErrorName(int result, const char** name) {
  *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : result == 100 ? "CUDA_ERROR_NO_DEVICE" : result == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS"
        : result == 701 ? "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" : result == 200 ? "CUDA_ERROR_INVALID_IMAGE"
        : result == 720 ? "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE"
        : result == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : "CUDA_ERROR_UNKNOWN";
  return 0;
}
int cuGetErrorString(int result, const char** text) { return (void)result, *text = "as the stub was told", 0; }
int cuDeviceGetCount(int* count) { return *count = 1, 0; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, touch(0); }
int cuDeviceGetName(char* name, int length, int device) { return (void)device, snprintf(name, length, "NVIDIA Stub"), 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  (void)device;
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 16 ? 132 : attribute == 97 ? 232448 : attribute == 95 ? !is("alone") : 0;
  return 0;
}
// Asked by the real NVRTC, where it finds a libcuda.
int cuGetExportTable(const void** table, const void* id) { return (void)table, (void)id, 500; }
int cuDeviceTotalMem_v2(size_t* bytes, int device) { return (void)device, *bytes = 1u << 30, 0; }
int cuDevicePrimaryCtxRetain(void** context, int device) { return (void)device, *context = &lost, touch(0); }
int cuDevicePrimaryCtxRelease_v2(int device) { return (void)device, touch(0); }
int cuCtxSetCurrent(void* context) { return (void)context, touch(0); }
int cuMemGetInfo_v2(size_t* free, size_t* total) { return *free = 300u << 20, *total = 1u << 30, touch(0); }
int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
  if (bytes > 300u << 20) return touch(2);
  return *address = (unsigned long long)malloc(bytes), touch(0);
}
int cuMemFree_v2(unsigned long long address) { return free((void*)address), touch(0); }
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void* stream) {
  return (void)stream, memcpy((void*)to, from, bytes), touch(0);
}
int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void* stream) {
  return (void)stream, memcpy(to, (void*)from, bytes), touch(0);
}
int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void* stream) {
  return (void)stream, memset((void*)to, value, bytes), touch(0);
}
int cuStreamCreate(void** stream, unsigned flags) { return (void)flags, *stream = &launches, touch(0); }
int cuStreamDestroy_v2(void* stream) { return (void)stream, touch(0); }
int cuStreamQuery(void* stream) { return (void)stream, touch(launches % 2 ? 600 : 0); }
int cuStreamSynchronize(void* stream) {
  (void)stream;
  const int result = touch(is("sticky") && launches > 0 ? 700 : 0);
  if (result == 700) lost = 1;
  return result;
}
// An event is the number of launches before it; each launch took a millisecond.
int cuEventCreate(int** event, unsigned flags) { return (void)flags, *event = calloc(1, sizeof(int)), touch(0); }
int cuEventDestroy_v2(int* event) { return free(event), touch(0); }
int cuEventRecord(int* event, void* stream) { return (void)stream, *event = launches, touch(0); }
int cuEventSynchronize(int* event) { return (void)event, cuStreamSynchronize(NULL); }
int cuEventElapsedTime(float* milliseconds, const int* from, const int* to) { return *milliseconds = (float)(*to - *from), touch(0); }
int cuStreamBeginCapture_v2(void* stream, int mode) { return (void)stream, (void)mode, touch(0); }
int cuStreamEndCapture(void* stream, void** graph) { return (void)stream, *graph = &launches, touch(0); }
int cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long flags) { return (void)flags, *exec = graph, touch(0); }
int cuGraphLaunch(void* exec, void* stream) { return (void)exec, (void)stream, touch(0); }
int cuGraphExecDestroy(void* exec) { return (void)exec, touch(0); }
int cuGraphDestroy(void* graph) { return (void)graph, touch(0); }
// Takes what stub_nvrtc.c makes, and nothing else; STUB=compile: all images, for who wants them compiled (scripts/gpu/pack.mjs).
int cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* names, void** values) {
  (void)names;
  if (is("compile")) return *module = malloc(1), touch(0);
  if (strncmp(image, "image of ", 9) != 0) {
    if (count > 0) snprintf(values[0], (size_t)values[1], "this is no image");
    return touch(200);
  }
  return *module = strdup(image), touch(0);
}
int cuModuleUnload(void* module) { return free(module), touch(0); }
int cuModuleGetFunction(void** function, void* module, const char* name) { return (void)name, *function = module, touch(0); }
int cuFuncSetAttribute(void* function, int attribute, int value) { return (void)function, (void)attribute, (void)value, touch(0); }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t shared) {
  return (void)function, *blocks = shared > 100000 ? 1 : 2048 / threads, touch(0);
}
int cuOccupancyMaxPotentialClusterSize(int* size, void* function, const Config* config) {
  return (void)function, (void)config, *size = is("compile") ? 16 : 8, touch(0);
}
int cuLaunchKernelEx(const Config* config, void* function, void** parameters, void** extra) {
  (void)function, (void)parameters, (void)extra;
  if (config->block[0] > 1024) return touch(701);
  for (unsigned i = 0; i < config->count; ++i) {
    if (config->attributes[i].id == 2 && config->attributes[i].value[0] == 1 && config->grid[0] > 8 * 132) return touch(720);
  }
  return ++launches, touch(0);
}
