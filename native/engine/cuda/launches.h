// A recipe in the making: its launches one after the other, and their memory.
#pragma once
#include <cstddef>
#include <cstring>

#include "recipe.h"

namespace fusor {

class CudaLaunches {
 public:
  // input: how the data's rows lie, a name in kernels/cuda/input.h. stamped: kernels tell when they run.
  CudaLaunches(cuda::Device& device, const cuda::Call& call, const char* input, bool stamped)
      : call(call), input(input), device_(device), stamped_(stamped) {}

  const cuda::Call call;
  const char* const input;
  CudaRecipe recipe;
  CudaDoes does{Phase::Gather};  // what is launched next

  int multiprocessors() const { return device_.properties().multiprocessors; }
  // Names of a product's input: gathered only for the first stage.
  const char* kindOf(const cuda::Input& of) const { return of.values ? "kValues" : input; }

  // `count` zeros that live as long as the recipe.
  template <class T>
  T* allocate(size_t count) {
    recipe.memory.push_back(device_.allocate(count * sizeof(T)));
    const cuda::Address at = recipe.memory.back()->address();
    device_.fill(at, 0, count * sizeof(T));
    return reinterpret_cast<T*>(at);
  }

  // The kernel `entry` of a file on a grid of across x down blocks. The parameters begin with a Call.
  template <class P>
  void add(const std::string& file, const std::string& entry, std::vector<std::pair<std::string, std::string>> defines, int across,
           int down, int threads, int sharedBytes, const P& parameters) {
    if (stamped_) defines.emplace_back("STAMPED", "1");
    cuda::Program program{file, entry, std::move(defines)};
    cuda::Launch launch = cuda::launchOf(device_.compile(program), across, down, threads, sharedBytes, parameters);
    const int place = static_cast<int>(recipe.step.size());
    std::memcpy(launch.parameters.data() + offsetof(cuda::Call, launch), &place, sizeof place);
    recipe.step.push_back(std::move(launch));
    recipe.does.push_back(does);
    recipe.programs.push_back(std::move(program));
  }

 private:
  cuda::Device& device_;
  const bool stamped_;
};

}  // namespace fusor
