// The kernels' sources, put into the library when it is built (native/cmake/FusorCudaSources.cmake): what runs needs no file.
#pragma once
#include <string_view>
#include <vector>

namespace fusor::cuda {

struct Source {
  std::string_view name;  // of the file in native/kernels/cuda, by which the others include it
  std::string_view text;
};

const std::vector<Source>& kernelSources();

}  // namespace fusor::cuda
