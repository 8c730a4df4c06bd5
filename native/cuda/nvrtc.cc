#include "nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "../failure.h"

namespace fusor::cuda {
namespace {

namespace fs = std::filesystem;

// 12.1 is the first that compiles for sm_90a, and a cluster's st.async.
constexpr int kOldest = 12010;

[[noreturn]] void unavailable(const std::string& reason, const std::string& where, const std::string& cure) {
  throw Failure("ERR_BACKEND_UNAVAILABLE", reason + " · " + where + " · " + cure);
}

// libnvrtc.so.13, or libnvrtc-672ee683.so.11.2 as libtorch's archives name it; .alt. is NVIDIA's second build of the same.
std::vector<std::string> librariesIn(const std::string& folder, const std::string& stem) {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    const bool named = name.starts_with(stem + ".so") || name.starts_with(stem + "-");
    const bool other = stem == "libnvrtc" && name.starts_with("libnvrtc-builtins");
    if (named && !other && name.find(".so") != std::string::npos && name.find(".alt") == std::string::npos) {
      found.push_back(entry.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The first that loads, with its builtins loaded before it: NVRTC opens them by name alone, when it first compiles.
void* open(const std::vector<std::string>& folders, std::string& path, std::string& why) {
  for (const std::string& folder : folders) {
    for (const std::string& library : librariesIn(folder, "libnvrtc")) {
      for (const std::string& builtins : librariesIn(folder, "libnvrtc-builtins")) dlopen(builtins.c_str(), RTLD_NOW | RTLD_LOCAL);
      path = library;
      if (void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
      why = dlerror();
    }
  }
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"}) {
    path = name;
    if (void* handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
  }
  return nullptr;
}

// Of a library: another build has another one. The first page has the linker's build ID. Where it lies and when it came there
// count nothing: kernels may be compiled on one machine for another (scripts/gpu/pack.mjs).
std::string identityOf(const std::string& path) {
  std::error_code none;
  std::string page(4096, '\0');
  std::ifstream(path, std::ios::binary).read(page.data(), static_cast<std::streamsize>(page.size()));
  return fs::path(path).filename().string() + " " + std::to_string(fs::file_size(path, none)) + " " + page;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& one : list) text += (text.empty() ? "" : ", ") + one;
  return text.empty() ? "the linker's folders" : text;
}

// Of a computer on a chip: its machine code is for that one alone.
bool isTegra(int architecture) { return architecture == 72 || architecture == 87 || architecture == 101 || architecture == 110; }

// The architectures whose cubins a device of compute capability `major`.x runs are those of the same major version.
std::string smName(int architecture) { return "sm_" + std::to_string(architecture) + (architecture == 90 ? "a" : ""); }

}  // namespace

std::string nvrtcIdentity(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const std::vector<std::string> libraries = librariesIn(folder, "libnvrtc");
    if (!libraries.empty()) return identityOf(libraries.front());
  }
  return "";
}

std::vector<std::string> compileOptions(const Program& program, const std::string& architecture) {
  // No contraction that the sources do not write, as on the CPU: fmaf stays where it stands.
  std::vector<std::string> options = {"--gpu-architecture=" + architecture, "--std=c++17", "--fmad=false",
                                      "--device-as-default-execution-space", "--generate-line-info"};
  for (const auto& [name, value] : program.defines) options.push_back("--define-macro=" + name + "=" + value);
  return options;
}

Nvrtc::Nvrtc(const std::vector<std::string>& folders) {
  std::string why;
  void* library = open(folders, path_, why);
  const std::string cure = "install libtorch's CUDA build whole: its wheels bring nvidia-cuda-nvrtc; or use --kernels framework";
  if (!library && !why.empty()) unavailable("NVRTC does not load: " + why, path_, cure);
  if (!library) unavailable("NVRTC, which compiles the kernels, is not there", joined(folders), cure);
  const auto bind = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (!function) unavailable(std::string("NVRTC is too old: it lacks ") + name, path_, cure);
  };
  bind(api_.version, "nvrtcVersion");
  int major = 0, minor = 0;
  check(api_.version(&major, &minor), "nvrtcVersion");
  version_ = 1000 * major + 10 * minor;
  if (version_ < kOldest) {
    unavailable("NVRTC is too old: " + std::to_string(major) + "." + std::to_string(minor) + ", fusor needs 12.1", path_,
                "take a libtorch of a newer CUDA: FUSOR_LIBTORCH=cu126; or use --kernels framework");
  }
  bind(api_.errorString, "nvrtcGetErrorString");
  bind(api_.createProgram, "nvrtcCreateProgram");
  bind(api_.destroyProgram, "nvrtcDestroyProgram");
  bind(api_.compileProgram, "nvrtcCompileProgram");
  bind(api_.logSize, "nvrtcGetProgramLogSize");
  bind(api_.log, "nvrtcGetProgramLog");
  bind(api_.cubinSize, "nvrtcGetCUBINSize");
  bind(api_.cubin, "nvrtcGetCUBIN");
  bind(api_.ptxSize, "nvrtcGetPTXSize");
  bind(api_.ptx, "nvrtcGetPTX");
  bind(api_.architectureCount, "nvrtcGetNumSupportedArchs");
  bind(api_.architectures, "nvrtcGetSupportedArchs");
  int count = 0;
  check(api_.architectureCount(&count), "nvrtcGetNumSupportedArchs");
  architectures_.resize(count);
  check(api_.architectures(architectures_.data()), "nvrtcGetSupportedArchs");
  std::sort(architectures_.begin(), architectures_.end());
}

std::string Nvrtc::architectureFor(int major, int minor) const {
  const int device = 10 * major + minor;
  int below = 0;
  for (const int architecture : architectures_) {
    if (architecture == device || (architecture < device && !isTegra(architecture))) below = architecture;
  }
  if (below == 0) {
    unavailable("compute capability " + std::to_string(major) + "." + std::to_string(minor) + " is older than NVRTC " +
                    std::to_string(version_ / 1000) + "." + std::to_string(version_ % 1000 / 10) + " compiles for",
                path_, "take a libtorch of an older CUDA: FUSOR_LIBTORCH=cu126");
  }
  // Machine code runs on later minor versions of its major one, but for sm_90a, which is Hopper's alone.
  return below / 10 == major ? smName(below) : "compute_" + std::to_string(below);
}

Nvrtc::Image Nvrtc::compile(const std::vector<Source>& sources, const Program& program, const std::string& architecture,
                            const std::vector<std::string>& moreOptions) const {
  // NVRTC wants strings that end with 0.
  std::vector<std::string> texts, names;
  std::string text;
  bool found = false;
  for (const Source& source : sources) {
    if (source.name == program.file) {
      text = source.text;
      found = true;
    } else {
      texts.emplace_back(source.text);
      names.emplace_back(source.name);
    }
  }
  if (!found) throw Failure("ERR_NATIVE", "there is no kernel source " + program.file);
  const auto pointers = [](const std::vector<std::string>& strings) {
    std::vector<const char*> list;
    for (const std::string& one : strings) list.push_back(one.c_str());
    return list;
  };
  std::vector<std::string> options = compileOptions(program, architecture);
  options.insert(options.end(), moreOptions.begin(), moreOptions.end());
  const auto textPointers = pointers(texts), namePointers = pointers(names), optionPointers = pointers(options);

  Handle handle = nullptr;
  check(api_.createProgram(&handle, text.c_str(), program.file.c_str(), static_cast<int>(texts.size()), textPointers.data(), namePointers.data()),
        "nvrtcCreateProgram");
  struct Owner {
    const Api& api;
    Handle handle;
    ~Owner() { api.destroyProgram(&handle); }
  } owner{api_, handle};

  const int result = api_.compileProgram(handle, static_cast<int>(options.size()), optionPointers.data());
  Image image;
  size_t bytes = 0;
  if (api_.logSize(handle, &bytes) == 0 && bytes > 1) {
    image.log.resize(bytes);
    api_.log(handle, image.log.data());
    image.log.resize(bytes - 1);
  }
  if (result != 0) {
    std::string told;
    for (const std::string& option : options) told += " " + option;
    throw Failure("ERR_NATIVE", std::string("a kernel does not compile (") + api_.errorString(result) + ") · " + program.file + ", " + program.entry +
                                    "," + told + " · report this\n" + image.log);
  }
  const bool machineCode = architecture.starts_with("sm_");
  check((machineCode ? api_.cubinSize : api_.ptxSize)(handle, &bytes), "the size of what was compiled");
  image.bytes.resize(bytes);
  check((machineCode ? api_.cubin : api_.ptx)(handle, image.bytes.data()), "what was compiled");
  return image;
}

void Nvrtc::check(int result, const char* call) const {
  if (result == 0) return;
  const char* text = api_.errorString ? api_.errorString(result) : "error";
  throw Failure("ERR_NATIVE", std::string("NVRTC: ") + text + " · " + call + ", " + path_);
}

}  // namespace fusor::cuda
