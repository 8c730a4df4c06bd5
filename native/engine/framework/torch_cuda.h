// What this libtorch has of CUDA; itself without its headers.
#pragma once
#include <string>
#include <vector>

namespace fusor {

// The version of CUDA that libtorch was built for, 13000 for 13.0; 0 for a CPU build.
int torchCudaVersion();

// Where NVRTC lies beside this libtorch: in an archive's lib folder, or in the wheels that PyTorch's wheel needs.
std::vector<std::string> nvrtcFolders();

}  // namespace fusor
