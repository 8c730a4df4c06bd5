#include "trainer_for.h"

#include <algorithm>
#include <cstdlib>

#include "cores.h"
#include "cuda/trainer.h"
#include "../failure.h"
#include "framework/trainer.h"
#include "fused/trainer.h"
#include "gpu_trainer.h"
#include "framework/torch_place.h"

namespace fusor {
namespace {

// From here on a layer's products take cuBLAS longer than their launches, and its kernels are faster than ours. On an H100
// 784 x 1024 takes us 72 us and libtorch 500 to launch alone; 4096 x 4096 at batch 8192 takes us 60 ms and libtorch 29.
constexpr int64_t kLargeLayer = int64_t{1} << 20;

bool isLarge(const Plan& plan) {
  return std::any_of(plan.layers.begin(), plan.layers.end(), [](const Layer& layer) {
    return layer.kind == LayerKind::Dense && int64_t{layer.inputs} * layer.outputs >= kLargeLayer;
  });
}

std::unique_ptr<Trainer> makeFused(const Plan& plan, const State& state, const Way& way, const std::shared_ptr<TorchPlace>& torch) {
  CudaOptions options;
  if (way.precision == Precision::Tf32) options.products = CudaProducts::Tf32;
  // For measuring: as any GPU runs them.
  const char* const set = std::getenv("FUSOR_CUDA_STEPS");
  const std::string steps = set ? set : "";
  if (steps == "grid") options.steps = CudaSteps::Grid;
  if (steps == "graph") options.steps = CudaSteps::Graph;
  if (!steps.empty() && options.steps == CudaSteps::Auto) {
    throw Failure("ERR_ARG", "FUSOR_CUDA_STEPS must be grid or graph, got " + steps + " · native backend · or leave it out");
  }
  return makeCudaTrainer(plan, state, cuda::makeDriverDevice(placeOf(torch), {way.cacheFolder, nvrtcFolders()}), options);
}

std::unique_ptr<Trainer> onGpu(const Plan& plan, const State& state, const Way& way) {
  const auto torch = std::make_shared<std::shared_ptr<TorchPlace>>();
  const auto make = [plan, state, way, torch]() -> std::unique_ptr<Trainer> {
    if (!*torch) *torch = std::make_shared<TorchPlace>(way.gpu);
    const std::string obstacle = fusedObstacle(plan, way);
    if (way.kernels == "fused") return makeFused(plan, state, way, *torch);
    if (way.kernels == "auto" && obstacle.empty() && !isLarge(plan)) {
      try {
        return makeFused(plan, state, way, *torch);
      } catch (const Failure& failure) {
        // No NVRTC, or a GPU older than the kernels: what runs instead is in the run's record.
        if (failure.code() != "ERR_BACKEND_UNAVAILABLE") throw;
      }
    }
    return makeFrameworkTrainer(plan, state, 1, *torch, way.precision);
  };
  return makeGpuTrainer(plan, make, [torch](size_t bytes) { return *torch && (*torch)->fits(bytes); });
}

// Whether fused kernels, which keep weights in whole panels of columns, would take several times the memory that the weights of
// narrow layers on very wide input need.
bool padsAway(const Plan& plan, int width) {
  constexpr int64_t kMuch = int64_t{1} << 27;  // floats: 512 MiB, and as much for each slot of the optimiser
  int64_t packed = 0, plain = 0;
  for (const Layer& layer : plan.layers) {
    if (layer.kind != LayerKind::Dense) continue;
    packed += int64_t{layer.inputs} * panelsOf(layer.outputs, width) * width;
    plain += int64_t{layer.inputs} * layer.outputs;
  }
  return packed > kMuch && packed >= 2 * plain;
}

std::unique_ptr<Trainer> onCpu(const Plan& plan, const State& state, const Way& way) {
  const int team = way.threads > 0 ? way.threads : availableCores();
  if (way.kernels == "framework" || !fusedObstacle(plan, way).empty()) return makeFrameworkTrainer(plan, state, team);
  const Kernels* table = kernelsByName(way.isa.c_str());
  if (!table) throw Failure("ERR_BACKEND_UNAVAILABLE", "no " + way.isa + " kernels on this processor · FUSOR_CPU_ISA · leave it out");
  if (way.kernels == "auto" && padsAway(plan, table->width)) return makeFrameworkTrainer(plan, state, team);
  return std::make_unique<FusedTrainer>(plan, state, *table, team);
}

}  // namespace

std::string fusedObstacle(const Plan& plan, const Way& way) {
  const auto is = [](LayerKind kind) { return [kind](const Layer& layer) { return layer.kind == kind; }; };
  const auto dense = std::ranges::find_if(plan.layers, is(LayerKind::Dense));
  const auto normalization = std::ranges::find_if(plan.layers, is(LayerKind::BatchNormalization));
  if (normalization < dense) return "batch normalisation before the first dense layer has no fused kernels";
  // None that our layers make; what memory is taken for them relies on it.
  const auto inPart = [](const Layer& layer) { return layer.kind == LayerKind::BatchNormalization && layer.channels != layer.inputs; };
  if (std::ranges::any_of(plan.layers, inPart)) return "batch normalisation of parts of a row has no fused kernels";
  if (way.gpu == Way::kCpu) return "";
  if (normalization != plan.layers.end()) return "batch normalisation has no fused kernels on a GPU";
  const std::string reason = cudaUnsupported(plan);
  if (!reason.empty()) return reason;
  if (way.precision == Precision::Bf16) return "fused kernels compute in fp32 or tf32";
  return way.gpu == Way::kPlayed ? "the CPU plays libtorch's operations only" : "";
}

std::unique_ptr<Trainer> trainerFor(const Plan& plan, const State& state, const Way& way) {
  if (way.kernels == "fused") {
    const std::string obstacle = fusedObstacle(plan, way);
    if (!obstacle.empty()) throw Failure("ERR_UNSUPPORTED", obstacle + " · native backend · use --kernels auto");
  }
  return way.gpu == Way::kCpu ? onCpu(plan, state, way) : onGpu(plan, state, way);
}

}  // namespace fusor
