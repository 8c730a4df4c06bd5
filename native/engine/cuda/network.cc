#include "network.h"

#include <cmath>

namespace fusor {

CudaNetwork::CudaNetwork(const Plan& plan, cuda::Device& device) : device_(device), slots_(plan.optimizer.slots) {
  for (const Layer& layer : plan.layers) {
    if (layer.kind != LayerKind::Dense) {
      (stages.empty() ? before : stages.back().after).push_back(layer);
      continue;
    }
    CudaStage stage{.inputs = layer.inputs, .outputs = layer.outputs, .ld = strideOn(layer.outputs),
                    .useBias = layer.useBias, .trainable = layer.trainable, .activation = layer.activation,
                    .kernel = layer.kernel, .bias = layer.bias, .after = {}, .weights = {}, .slots = {}};
    stage.weights = device.allocate(stage.floats() * sizeof(float));
    for (int s = 0; s < slots_; ++s) stage.slots[s] = device.allocate(stage.floats() * sizeof(float));
    stages.push_back(std::move(stage));
  }
}

std::vector<float> CudaNetwork::download(const CudaStage& stage, const cuda::Memory& from) const {
  std::vector<float> padded(stage.floats());
  device_.download(padded.data(), from.address(), padded.size() * sizeof(float));
  std::vector<float> all(static_cast<size_t>(stage.rows()) * stage.outputs);
  for (int r = 0; r < stage.rows(); ++r) {
    std::copy_n(&padded[static_cast<size_t>(r) * stage.ld], stage.outputs, &all[static_cast<size_t>(r) * stage.outputs]);
  }
  return all;
}

void CudaNetwork::upload(const CudaStage& stage, const cuda::Memory& to, const std::vector<float>& kernel, const float* bias) {
  std::vector<float> padded(stage.floats());
  for (int r = 0; r < stage.rows(); ++r) {
    const float* from = r < stage.inputs ? &kernel[static_cast<size_t>(r) * stage.outputs] : bias;
    std::copy_n(from, stage.outputs, &padded[static_cast<size_t>(r) * stage.ld]);
  }
  device_.upload(to.address(), padded.data(), padded.size() * sizeof(float));
}

State CudaNetwork::read() const {
  State state;
  state.slots.resize(slots_);
  const auto split = [](const CudaStage& stage, const std::vector<float>& all, std::vector<std::vector<float>>& to) {
    const auto bias = all.begin() + static_cast<std::ptrdiff_t>(stage.inputs) * stage.outputs;
    to.emplace_back(all.begin(), bias);
    if (stage.useBias) to.emplace_back(bias, all.end());
  };
  for (const CudaStage& stage : stages) {
    split(stage, download(stage, *stage.weights), state.weights);
    for (int s = 0; s < slots_; ++s) split(stage, download(stage, *stage.slots[s]), state.slots[s]);
  }
  return state;
}

double CudaNetwork::penalty() const {
  double sum = 0;
  for (const CudaStage& stage : stages) {
    if (!stage.trainable || (!stage.kernel.penalises() && !stage.bias.penalises())) continue;
    const std::vector<float> all = download(stage, *stage.weights);
    const size_t kernel = static_cast<size_t>(stage.inputs) * stage.outputs;
    for (size_t i = 0; i < all.size(); ++i) {
      const Restraint& restraint = i < kernel ? stage.kernel : stage.bias;
      const double w = all[i];
      sum += restraint.l1 * std::fabs(w) + restraint.l2 * w * w;
    }
  }
  return sum;
}

void CudaNetwork::write(const State& state) {
  size_t parameter = 0;
  for (const CudaStage& stage : stages) {
    const auto put = [&](const cuda::Memory& to, const std::vector<std::vector<float>>& values) {
      upload(stage, to, values[parameter], stage.useBias ? values[parameter + 1].data() : nullptr);
    };
    put(*stage.weights, state.weights);
    for (int s = 0; s < slots_; ++s) put(*stage.slots[s], state.slots[s]);
    parameter += 1 + stage.useBias;
  }
}

}  // namespace fusor
