#include "cluster.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "../../kernels/cuda/cluster_shape.h"
#include "recipe.h"

namespace fusor {
namespace {

// Every GPU with clusters takes 8 blocks; most take 16, where a function asks for it.
constexpr int kMostBlocks[] = {16, 8};

bool fits(const Plan& plan, const CudaNetwork& network, const cuda::Properties& device, int batch) {
  if (device.major < 9 || network.stages.size() != 2) return false;
  const CudaStage &first = network.stages[0], &last = network.stages[1];
  const std::vector<Layer>& before = network.before;
  const bool scaled = before.empty() || (before.size() == 1 && before[0].kind == LayerKind::Rescaling && before[0].offset == 0);
  const bool plain = first.after.empty() && last.after.empty() && last.activation == Activation::Linear;
  const bool known = first.activation != Activation::Gelu && first.activation != Activation::Softmax;  // slope from the value alone
  const bool loss = plan.output == Activation::Softmax &&
                    (plan.loss == LossKind::CategoricalCrossentropy || plan.loss == LossKind::SparseCategoricalCrossentropy);
  const bool metrics = plan.metrics.empty() || (plan.metrics.size() == 1 && plan.metrics[0].kind == MetricKind::CategoricalAccuracy);
  const bool trained = first.trainable && last.trainable;
  return scaled && plain && known && trained && loss && metrics && !holdsGradients(plan) && !limitsNorms(plan) && batch <= 64 &&
         last.outputs <= cuda::kClusterClasses;
}

cuda::Launch launchOf(const Plan& plan, const CudaNetwork& network, cuda::Device& device, cuda::Control* control,
                      const cuda::ClusterShape& shape, int steps, bool stamped) {
  const CudaStage &first = network.stages[0], &last = network.stages[1];
  const auto text = [](int value) { return std::to_string(value); };
  cuda::Program program{"cluster.cu",
                        "cluster",
                        {{"INPUT", shape.bytes ? "kBytes" : "kFloats"},
                         {"FEATURES", text(shape.features)},
                         {"UNITS", text(shape.units)},
                         {"CLASSES", text(last.outputs)},
                         {"BATCH", text(shape.batch)},
                         {"BLOCKS", text(shape.blocks)},
                         {"BIAS1", text(first.useBias)},
                         {"BIAS2", text(last.useBias)},
                         {"ACTIVATION", cudaNameOf(first.activation)},
                         {"OPTIMIZER", cudaNameOf(plan.optimizer.kind)},
                         {"PARTS", text(shape.parts)}}};
  if (stamped) program.defines.emplace_back("STAMPED", "1");
  const cuda::ClusterParams p{control,
                              {},
                              cudaConstants(plan.optimizer),
                              steps,
                              static_cast<int>(plan.metrics.size()),
                              network.before.empty() ? 1.0f : network.before[0].scale,
                              first.weightsAt(), first.slotAt(0), first.slotAt(1),
                              last.weightsAt(), last.slotAt(0), last.slotAt(1),
                              first.ld, last.ld};
  cuda::Launch launch = cuda::launchOf(device.compile(program), shape.blocks, 1, 32 * shape.warps(), shape.sharedBytes(), p);
  launch.cluster = launch.grid[0];
  return launch;
}

}  // namespace

std::optional<CudaCluster> cudaCluster(const Plan& plan, const CudaNetwork& network, cuda::Device& device, cuda::Control* control,
                                       int batch, bool bytes, CudaProducts products, int steps, bool stamped) {
  if (!fits(plan, network, device.properties(), batch)) return std::nullopt;
  const int units = network.stages[0].outputs;
  for (const int most : kMostBlocks) {
    // As many as there are groups of 8 units: more would only wait for each other. One alone is no cluster, and may not send.
    const int blocks = std::clamp(static_cast<int>(std::bit_ceil(static_cast<unsigned>((units + 7) / 8))), 2, most);
    const cuda::ClusterShape shape{plan.features, units, batch, blocks, bytes, static_cast<int>(products)};
    if (!shape.fitsRegisters() || shape.sharedBytes() > device.properties().sharedBytesPerBlock) continue;
    const cuda::Launch launch = launchOf(plan, network, device, control, shape, steps, stamped);
    if (device.mostInCluster(launch) >= blocks) return CudaCluster{launch, shape.tiles(), shape.inputParts()};
  }
  return std::nullopt;
}

cuda::Launch withSpan(const cuda::Launch& launch, const cuda::Control& span) {
  cuda::Launch own = launch;
  std::memcpy(own.parameters.data() + offsetof(cuda::ClusterParams, span), &span, sizeof span);
  return own;
}

}  // namespace fusor
