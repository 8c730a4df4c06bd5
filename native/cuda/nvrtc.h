// NVRTC, the compiler in a library that libtorch's CUDA build brings: found at run time. Compiles without a GPU.
#pragma once
#include <string>
#include <vector>

#include "device.h"
#include "sources.h"

namespace fusor::cuda {

// Which NVRTC there is in the first of the folders that has one, told from its file; empty where none has.
std::string nvrtcIdentity(const std::vector<std::string>& folders);

// What a compilation is made of besides the sources.
std::vector<std::string> compileOptions(const Program& program, const std::string& architecture);

class Nvrtc {
 public:
  // folders: where to look, in order; then the linker's own places. Throws Failure ERR_BACKEND_UNAVAILABLE naming what was
  // looked at, and where what was found does not load or is too old.
  explicit Nvrtc(const std::vector<std::string>& folders);

  int version() const { return version_; }  // 13000 is 13.0
  const std::string& path() const { return path_; }

  // What to compile for on a device of this compute capability: "sm_90a" where NVRTC makes machine code for it, else
  // "compute_90", which the driver finishes. Throws Failure where the device is older than all that NVRTC knows.
  std::string architectureFor(int major, int minor) const;

  struct Image {
    std::vector<char> bytes;  // cubin for sm_, PTX with its final 0 for compute_
    std::string log;          // warnings, and the resources of kernels where -v was asked for
  };
  // Throws Failure ERR_NATIVE with the compiler's log. sources: the file that `program` names, and what it includes.
  Image compile(const std::vector<Source>& sources, const Program& program, const std::string& architecture,
                const std::vector<std::string>& moreOptions = {}) const;

 private:
  using Handle = struct ProgramHandle*;
  struct Api {
    int (*version)(int* major, int* minor);
    const char* (*errorString)(int);
    int (*createProgram)(Handle*, const char* source, const char* name, int headers, const char* const* texts, const char* const* names);
    int (*destroyProgram)(Handle*);
    int (*compileProgram)(Handle, int options, const char* const*);
    int (*logSize)(Handle, size_t*);
    int (*log)(Handle, char*);
    int (*cubinSize)(Handle, size_t*);
    int (*cubin)(Handle, char*);
    int (*ptxSize)(Handle, size_t*);
    int (*ptx)(Handle, char*);
    int (*architectureCount)(int*);
    int (*architectures)(int*);
  };
  void check(int result, const char* call) const;

  Api api_{};
  int version_ = 0;
  std::string path_;
  std::vector<int> architectures_;  // 75, 80, …, ascending
};

}  // namespace fusor::cuda
