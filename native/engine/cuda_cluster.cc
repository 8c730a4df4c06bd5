#include "cuda_cluster.h"

#include <cstring>

#include "../kernels/cuda/cluster_shape.h"
#include "cuda_recipe.h"

namespace fusor {
namespace {

cuda::ClusterShape shapeOf(const Plan& plan, int batch, bool bytes) { return {plan.features, batch, bytes ? 1 : 4}; }

}  // namespace

bool cudaClusterFits(const Plan& plan, const CudaNetwork& network, const cuda::Properties& device, int batch, bool bytes) {
  if (device.major < 9 || network.stages.size() != 2) return false;
  const CudaStage &first = network.stages[0], &last = network.stages[1];
  const std::vector<Layer>& before = network.before;
  const bool scaled = before.empty() || (before.size() == 1 && before[0].kind == LayerKind::Rescaling && before[0].offset == 0);
  const bool plain = first.after.empty() && last.after.empty() && last.activation == Activation::Linear;
  const bool known = first.activation != Activation::Gelu && first.activation != Activation::Softmax;  // slope from the value alone
  const bool loss = plan.output == Activation::Softmax &&
                    (plan.loss == LossKind::CategoricalCrossentropy || plan.loss == LossKind::SparseCategoricalCrossentropy);
  const bool metrics = plan.metrics.empty() || (plan.metrics.size() == 1 && plan.metrics[0].kind == MetricKind::CategoricalAccuracy);
  const cuda::ClusterShape shape = shapeOf(plan, batch, bytes);
  return scaled && plain && known && loss && metrics && plan.optimizer.clipNorm == 0 && batch <= 64 &&
         first.outputs <= cuda::kClusterBlocks * cuda::kClusterUnits && last.outputs <= cuda::kClusterClasses &&
         shape.heldRegisters() <= cuda::kClusterRegisters && 4 * shape.all() <= device.sharedBytesPerBlock;
}

cuda::Launch cudaCluster(const Plan& plan, const CudaNetwork& network, cuda::Device& device, cuda::Control* control, int batch,
                         bool bytes, CudaProducts products, int steps) {
  const CudaStage &first = network.stages[0], &last = network.stages[1];
  const cuda::ClusterShape shape = shapeOf(plan, batch, bytes);
  const auto text = [](int value) { return std::to_string(value); };
  const cuda::Program program{"cluster.cu",
                              "cluster",
                              {{"INPUT", bytes ? "kBytes" : "kFloats"},
                               {"FEATURES", text(plan.features)},
                               {"UNITS", text(first.outputs)},
                               {"CLASSES", text(last.outputs)},
                               {"BATCH", text(batch)},
                               {"BIAS1", text(first.useBias)},
                               {"BIAS2", text(last.useBias)},
                               {"OPTIMIZER", cudaNameOf(plan.optimizer.kind)},
                               {"MODE", text(static_cast<int>(products))}}};
  const cuda::ClusterParams p{control,
                              cudaConstants(plan.optimizer),
                              steps,
                              static_cast<int>(plan.metrics.size()),
                              network.before.empty() ? 1.0f : network.before[0].scale,
                              static_cast<cuda::ActivationKind>(first.activation),
                              first.weightsAt(), first.slotAt(0), first.slotAt(1),
                              last.weightsAt(), last.slotAt(0), last.slotAt(1),
                              first.ld, last.ld};
  cuda::Launch launch{device.compile(program), {cuda::kClusterBlocks, 1, 1}, {static_cast<uint32_t>(32 * shape.warps()), 1, 1},
                      cuda::kClusterBlocks, static_cast<uint32_t>(4 * shape.all()), std::vector<std::byte>(sizeof p)};
  std::memcpy(launch.parameters.data(), &p, sizeof p);
  return launch;
}

}  // namespace fusor
