#include "ranges.h"

#include <torch/csrc/profiler/stubs/base.h>

namespace fusor {
namespace {

class Ranges : public Marker {
 public:
  explicit Ranges(std::vector<std::string> layers) : layers_(std::move(layers)) {}

  void begin(Phase phase, int layer) override {
    // In the order of Phase.
    constexpr const char* kNames[] = {"gather", "forward", "loss", "backward", "backward+update", "update", "record", "copy", "wait", "kernel"};
    std::string name = kNames[static_cast<int>(phase)];
    if (layer >= 0 && layer < static_cast<int>(layers_.size())) name += " " + layers_[layer];
    torch::profiler::impl::cudaStubs()->rangePush(name.c_str());
  }
  void end(Phase) override { torch::profiler::impl::cudaStubs()->rangePop(); }
  int beginOperation(int) override { return -1; }
  void endOperation(int) override {}

 private:
  const std::vector<std::string> layers_;
};

}  // namespace

std::unique_ptr<Marker> makeRanges(std::vector<std::string> layers) {
  if (!torch::profiler::impl::cudaStubs()->enabled()) return nullptr;
  return std::make_unique<Ranges>(std::move(layers));
}

}  // namespace fusor
