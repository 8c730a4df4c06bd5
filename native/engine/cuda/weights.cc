#include "weights.h"

#include <algorithm>

#include "tiles.h"

namespace fusor {
namespace {

class WeightsBuilder {
 public:
  WeightsBuilder(CudaLaunches& launches, const Plan& plan, const std::vector<CudaGradient>& gradients)
      : launches_(launches), plan_(plan), gradients_(gradients),
        sums_{reinterpret_cast<const double*>(launches.recipe.rowLosses), reinterpret_cast<const double*>(launches.recipe.rowMetrics),
              static_cast<int>(plan.metrics.size())},
        optimizer_{{"OPTIMIZER", cudaNameOf(plan.optimizer.kind)}},
        tile_(updateTile(launches.multiprocessors(), [&](const CudaTile& tile) { return blocks(tile); })),
        holds_(holdsGradients(plan)), clips_(plan.optimizer.clipNorm > 0),
        penalises_(std::ranges::any_of(gradients, [](const CudaGradient& g) { return g.stage.kernel.penalises() || g.stage.bias.penalises(); })) {}

  void build() {
    if (gradients_.empty()) {
      launches_.does = {Phase::Record};
      return launches_.add("rows.cu", "sums", {{"INPUT", launches_.input}}, 1, 1, 32, 0, cuda::SumsParams{launches_.call, sums_});
    }
    launches_.does = {holds_ ? Phase::Backward : Phase::BackwardUpdate};
    if (clips_) squares_ = launches_.allocate<double>(blocks(tile_));
    if (penalises_) penalties_ = launches_.allocate<double>(blocks(tile_));
    for (size_t begin = 0, before = 0; begin < gradients_.size(); begin += cuda::kMostStages) {
      before += some(begin, std::min(gradients_.size(), begin + cuda::kMostStages), before);
    }
    launches_.does = {Phase::Update};
    if (clips_ || penalises_) settle();
    for (size_t l = 0; holds_ && l < gradients_.size(); ++l) apply(gradients_[l].stage, held_[l]);
    for (const CudaGradient& gradient : gradients_) constrain(gradient.stage);
  }

 private:
  int blocks(const CudaTile& tile, const CudaStage& stage) const { return tile.down(stage.rows()) * tile.across(stage.outputs); }
  int blocks(const CudaTile& tile) const {
    int all = 0;
    for (const CudaGradient& gradient : gradients_) all += blocks(tile, gradient.stage);
    return all;
  }

  // The layers [begin, end), before whose blocks there are so many. Returns how many these are. The step's sums ride along where no
  // penalty has to be known.
  int some(size_t begin, size_t end, size_t before) {
    cuda::HoldParams p{};
    cuda::UpdateParams& u = p.update;
    u.call = launches_.call, u.optimizer = cudaConstants(plan_.optimizer), u.sums = sums_;
    u.finish = end == gradients_.size() && !penalises_;
    p.squares = squares_ ? squares_ + before : nullptr;
    p.penalties = penalties_ ? penalties_ + before : nullptr;
    int blocks = 0;
    for (size_t l = begin; l < end; ++l) {
      const auto& [stage, input, dz, lddz] = gradients_[l];
      if (holds_) p.held[u.stages] = hold(stage);
      u.stage[u.stages++] = {input, dz, lddz, stage.weightsAt(), stage.slotAt(0), stage.slotAt(1), stage.ld, stage.inputs, stage.outputs,
                             stage.useBias, blocks, tile_.across(stage.outputs)};
      blocks += this->blocks(tile_, stage);
    }
    std::vector<std::pair<std::string, std::string>> defines{{"INPUT", launches_.kindOf(u.stage[0].input)}, {"TILE", tile_.arguments()}};
    const int across = blocks + u.finish, shared = sharedBytesOf(tile_, false, false);
    if (holds_) {
      launches_.add("hold.cu", "hold", defines, across, 1, tile_.threads, shared, p);
    } else {
      defines.insert(defines.end(), optimizer_.begin(), optimizer_.end());
      launches_.add("update.cu", "update", defines, across, 1, tile_.threads, shared, u);
    }
    return blocks;
  }

  cuda::HeldStage hold(const CudaStage& stage) {
    const auto narrow = [](double value) { return static_cast<float>(value); };
    held_.push_back(launches_.allocate<float>(stage.floats()));
    return {held_.back(), plan_.optimizer.accumulate > 1 ? stage.slotAt(plan_.optimizer.slots - 1) : nullptr,
            narrow(stage.kernel.l1), narrow(stage.kernel.l2), narrow(stage.bias.l1), narrow(stage.bias.l2)};
  }

  void settle() {
    if (clips_) factor_ = launches_.allocate<float>(1);
    launches_.add("whole.cu", "settle", optimizer_, 1, 1, 32, 0,
                  cuda::SettleParams{launches_.call, blocks(tile_), squares_, plan_.optimizer.clipNorm, factor_, penalties_, sums_, penalises_});
  }

  void apply(const CudaStage& stage, const float* gradient) {
    const int blocks = static_cast<int>(std::min<size_t>(1024, (stage.floats() / 4 + 255) / 256));
    launches_.add("whole.cu", "apply", optimizer_, blocks, 1, 256, 0,
                  cuda::ApplyParams{launches_.call, cudaConstants(plan_.optimizer), factor_, gradient, stage.weightsAt(), stage.slotAt(0),
                                    stage.slotAt(1), stage.rows(), stage.outputs, stage.ld});
  }

  void constrain(const CudaStage& stage) {
    if (stage.kernel.maxNorm == 0 && stage.bias.maxNorm == 0) return;
    constexpr int kColumns = 32, kThreads = 256;  // of whole.cu
    launches_.add("whole.cu", "constrain", optimizer_, (stage.outputs + kColumns - 1) / kColumns + 1, 1, kThreads, kThreads * sizeof(double),
                  cuda::ConstrainParams{launches_.call, stage.weightsAt(), stage.ld, stage.inputs, stage.outputs, stage.kernel.maxNorm,
                                        stage.bias.maxNorm});
  }

  CudaLaunches& launches_;
  const Plan& plan_;
  const std::vector<CudaGradient>& gradients_;
  const cuda::Sums sums_;
  const std::vector<std::pair<std::string, std::string>> optimizer_;
  const CudaTile& tile_;
  const bool holds_, clips_, penalises_;
  std::vector<float*> held_;  // a layer's gradients each
  double *squares_ = nullptr, *penalties_ = nullptr;
  float* factor_ = nullptr;
};

}  // namespace

void cudaUpdate(CudaLaunches& launches, const Plan& plan, const std::vector<CudaGradient>& gradients) {
  WeightsBuilder(launches, plan, gradients).build();
}

}  // namespace fusor
