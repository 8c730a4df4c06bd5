#include "recipe.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "../../failure.h"
#include "tiles.h"
#include "weights.h"

namespace fusor {
namespace {

using cuda::Launch;

static_assert(static_cast<int>(cuda::ActivationKind::LeakyRelu) == static_cast<int>(Activation::LeakyRelu));
static_assert(static_cast<int>(cuda::OptimizerKind::Rmsprop) == static_cast<int>(UpdateKind::Rmsprop));
static_assert(static_cast<int>(cuda::LossKindOf::Huber) == static_cast<int>(LossKind::Huber));
static_assert(static_cast<int>(cuda::MetricKindOf::AbsoluteError) == static_cast<int>(MetricKind::AbsoluteError));

constexpr int kMostRows = 65535 * 128;  // as many tiles as the second dimension of a grid has, each of the most rows
constexpr int kRowsABlock = 4;          // of rows.cu: a warp each
constexpr int kHeadWeights = 8192;      // the head reads all of its weights for each row
constexpr int kHeadOutputs = 1024;  // and has a row of them in shared memory, three times

cuda::ActivationKind kindOf(Activation a) { return static_cast<cuda::ActivationKind>(a); }

// What most nets have: kernels for it come without the rest.
bool plain(const cuda::Chain& chain) {
  return chain.count == 0 && !chain.z && (chain.activation == cuda::ActivationKind::Linear || chain.activation == cuda::ActivationKind::Relu);
}
bool plain(const cuda::Loss& loss) {
  return loss.kind <= cuda::LossKindOf::SparseCategoricalCrossentropy && loss.output == cuda::ActivationKind::Softmax &&
         std::all_of(loss.metric, loss.metric + loss.metrics, [](const cuda::Metric& m) { return m.kind == cuda::MetricKindOf::CategoricalAccuracy; });
}
cuda::Address addressOf(const void* at) { return reinterpret_cast<cuda::Address>(at); }
const char* flag(bool value) { return value ? "1" : "0"; }

bool elementwise(const Layer& layer) { return layer.kind != LayerKind::Activation || layer.activation != Activation::Softmax; }

// Builds a recipe from front to back.
class Builder {
 public:
  Builder(const Plan& plan, const CudaNetwork& network, cuda::Device& device, const cuda::Control* control,
          CudaPurpose purpose, bool bytes, int rows, int64_t results, bool stamped)
      : plan_(plan), network_(network), rows_(rows), purpose_(purpose), train_(purpose == CudaPurpose::Train),
        launches_(device, {control, 0, train_ ? 1 : 0, 0},
                  plan.features % 4 == 0 ? (bytes ? "kBytes" : "kFloats") : (bytes ? "kOddBytes" : "kOddFloats"), stamped) {
    if (rows > kMostRows) {
      throw Failure("ERR_UNSUPPORTED", "a batch of " + std::to_string(rows) + " rows · fused kernels, CUDA · use at most " +
                                           std::to_string(kMostRows) + ", or --kernels framework");
    }
    if (purpose != CudaPurpose::Predict) {
      recipe_.rowLosses = addressOf(launches_.allocate<double>(results));
      recipe_.rowMetrics = addressOf(launches_.allocate<double>(std::max<size_t>(1, results * plan.metrics.size())));
    }
  }

  CudaRecipe build() {
    makeStages();
    cuda::Input x = gatherRows();
    const size_t count = values_.size(), last = count - 1;
    const bool fusedHead = count > 0 && fitsHead(last);
    for (size_t l = 0; l < count; ++l) {
      if (fusedHead && l == last) {
        head(l, x);
      } else {
        forward(l, x);
      }
      x = output(l);
    }
    if (!fusedHead) loss(x);
    if (train_) backward(fusedHead);
    return std::move(recipe_);
  }

 private:
  // A stage's values in memory.
  struct Values {
    cuda::Chain chain;
    bool fused;                 // the chain does all its layers
    std::vector<cuda::Op> ops;  // otherwise these come after it, one launch each
    float* dz = nullptr;
  };

  float* matrix(int width) { return launches_.allocate<float>(static_cast<size_t>(rows_) * strideOn(width)); }

  // A kernel of rows.cu, all of whose warps take a row.
  template <class P>
  void launchRows(const std::string& entry, const P& parameters) {
    launches_.add("rows.cu", entry, {{"INPUT", launches_.input}}, (rows_ + kRowsABlock - 1) / kRowsABlock, 1, 32 * kRowsABlock, 0,
                  parameters);
  }

  cuda::Op opOf(const Layer& layer) {
    cuda::Op op{};
    op.activation = kindOf(layer.activation);
    if (layer.kind == LayerKind::Rescaling) {
      op.kind = cuda::OpKind::Rescaling, op.scale = layer.scale, op.offset = layer.offset;
    } else if (layer.kind == LayerKind::Activation) {
      op.kind = cuda::OpKind::Activation, op.scale = layer.negativeSlope;
    } else {
      op.kind = cuda::OpKind::Dropout, op.scale = static_cast<float>(1.0 / (1.0 - layer.rate));
      op.threshold = static_cast<unsigned>(layer.rate * 4294967296.0), op.stream = layer.stream;
    }
    op.out = matrix(layer.outputs);
    return op;
  }

  // A stage's place in the plan.
  int layerOf(size_t l) const {
    int layer = -1;
    for (size_t found = 0; found <= l; ++layer) found += plan_.layers[layer + 1].kind == LayerKind::Dense;
    return layer;
  }

  void makeStages() {
    for (const CudaStage& stage : network_.stages) {
      Values v{};
      v.chain.activation = kindOf(stage.activation);
      v.chain.width = stage.outputs, v.chain.ld = stage.ld;
      v.chain.y = matrix(stage.outputs);
      if (stage.activation == Activation::Gelu) v.chain.z = matrix(stage.outputs);
      v.fused = stage.after.size() <= cuda::kMostOps && std::all_of(stage.after.begin(), stage.after.end(), elementwise);
      for (const Layer& layer : stage.after) v.ops.push_back(opOf(layer));
      if (v.fused) std::copy(v.ops.begin(), v.ops.end(), v.chain.ops), v.chain.count = static_cast<int>(v.ops.size());
      if (train_) v.dz = matrix(stage.outputs);
      values_.push_back(std::move(v));
    }
  }

  // What stage l gives.
  cuda::Input output(size_t l) const {
    const Values& v = values_[l];
    return {v.ops.empty() ? v.chain.y : v.ops.back().out, v.chain.ld, v.chain.width, 1, 0};
  }

  // Where the first product takes its rows from: the data itself, unless more than a rescaling comes before.
  cuda::Input gatherRows() {
    launches_.does = {Phase::Gather};
    const std::vector<Layer>& before = network_.before;
    const bool rescaled = !before.empty() && before[0].kind == LayerKind::Rescaling;
    cuda::Input input{nullptr, strideOn(plan_.features), plan_.features, rescaled ? before[0].scale : 1, rescaled ? before[0].offset : 0};
    if (before.size() == (rescaled ? 1 : 0) && !values_.empty()) return input_x_ = input;
    cuda::GatherParams gather{launches_.call, input, matrix(plan_.features), input.ld};
    launchRows("gather", gather);
    input.values = gather.to;
    for (size_t i = rescaled; i < before.size(); ++i) {
      launches_.does = {Phase::Forward, static_cast<int>(i)};
      input.values = oneOp(opOf(before[i]), input.values, input.ld, input.width);
    }
    return input_x_ = input;
  }

  const float* oneOp(const cuda::Op& op, const float* in, int ld, int width) {
    launchRows("op", cuda::OpParams{launches_.call, op, in, nullptr, op.out, ld, width, 0});
    return op.out;
  }

  void forward(size_t l, const cuda::Input& x) {
    const CudaStage& stage = network_.stages[l];
    const Values& v = values_[l];
    const CudaTile tile = productTile(rows_, stage.outputs, stage.inputs, launches_.multiprocessors());
    launches_.does = {Phase::Forward, layerOf(l)};
    launches_.add("forward.cu", "forward", {{"INPUT", launches_.kindOf(x)}, {"TILE", tile.arguments()}, {"PLAIN", flag(plain(v.chain))}},
                  tile.across(stage.outputs), tile.down(rows_), tile.threads, sharedBytesOf(tile, true, false),
                  cuda::ForwardParams{launches_.call, x, stage.weightsAt(), stage.ld, stage.inputs, stage.outputs, stage.useBias, v.chain});
    const float* in = v.chain.y;
    for (size_t i = 0; !v.fused && i < v.ops.size(); ++i) {
      ++launches_.does.layer;
      in = oneOp(v.ops[i], in, v.chain.ld, v.chain.width);
    }
    recipe_.work += 2.0 * rows_ * stage.inputs * stage.outputs * (train_ ? 3 : 1);
  }

  bool fitsHead(size_t l) const {
    const CudaStage& stage = network_.stages[l];
    return values_[l].fused && (l == 0 || values_[l - 1].fused) && stage.outputs <= kHeadOutputs &&
           int64_t{stage.rows()} * stage.ld <= kHeadWeights;
  }

  cuda::Loss lossOf() {
    cuda::Loss loss{};
    loss.kind = static_cast<cuda::LossKindOf>(plan_.loss);
    loss.output = kindOf(plan_.output);
    loss.outputs = plan_.outputs;
    loss.delta = plan_.delta;
    loss.perOutput = 1.0 / plan_.outputs;
    loss.metrics = static_cast<int>(plan_.metrics.size());
    for (int m = 0; m < loss.metrics; ++m) {
      loss.metric[m] = {static_cast<cuda::MetricKindOf>(plan_.metrics[m].kind), plan_.metrics[m].threshold, plan_.metrics[m].k};
    }
    loss.rowLosses = reinterpret_cast<double*>(recipe_.rowLosses);
    loss.rowMetrics = reinterpret_cast<double*>(recipe_.rowMetrics);
    recipe_.ldPredictions = loss.ldp = strideOn(plan_.outputs);
    return loss;
  }
  // Predictions in memory: where they are the result, or too wide for shared memory.
  void keepPredictions(cuda::Loss& loss) {
    loss.p = matrix(plan_.outputs);
    recipe_.predictions = addressOf(loss.p);
  }

  void head(size_t l, const cuda::Input& x) {
    const CudaStage& stage = network_.stages[l];
    cuda::HeadParams p{launches_.call, x, stage.weightsAt(), stage.ld, stage.inputs, stage.outputs, stage.useBias, values_[l].chain,
                       lossOf(), values_[l].dz, {}, nullptr};
    if (purpose_ == CudaPurpose::Predict) keepPredictions(p.loss);
    if (l > lowest_ && train_) p.before = values_[l - 1].chain, p.dx = values_[l - 1].dz;
    launches_.does = {Phase::Loss, layerOf(l)};
    const bool all = plain(p.loss) && plain(p.chain) && (!p.dx || plain(p.before));
    launches_.add("head.cu", "head", {{"INPUT", launches_.kindOf(x)}, {"PLAIN", flag(all)}},
                  std::min(rows_, 8 * launches_.multiprocessors()), 1, 128, 4 * 3 * stage.ld, p);
    recipe_.work += 2.0 * rows_ * stage.inputs * stage.outputs * (train_ ? 3 : 1);
  }

  void loss(const cuda::Input& z) {
    cuda::LossParams p{launches_.call, z.values, z.ld, lossOf(), {}, 0, nullptr};
    keepPredictions(p.loss);
    if (train_ && !values_.empty()) {
      p.dz = values_.back().dz;
      p.chain = values_.back().chain;
      p.through = values_.back().fused;
    }
    launches_.does = {Phase::Loss};
    launchRows("loss", p);
  }

  // From the end of stage l to before its activation, where no product's epilogue did that.
  void backThroughOps(size_t l) {
    const Values& v = values_[l];
    if (v.fused) return;
    for (size_t i = v.ops.size(); i-- > 0;) {
      launches_.does = {Phase::Backward, layerOf(l) + 1 + static_cast<int>(i)};
      launchRows("op", cuda::OpParams{launches_.call, v.ops[i], i ? v.ops[i - 1].out : v.chain.y, v.ops[i].out, v.dz, v.chain.ld, v.chain.width, 1});
    }
    if (v.chain.activation == cuda::ActivationKind::Linear) return;
    cuda::Op own{};
    own.kind = cuda::OpKind::Activation, own.activation = v.chain.activation;
    launches_.does = {Phase::Backward, layerOf(l)};
    launchRows("op", cuda::OpParams{launches_.call, own, v.chain.z, v.chain.y, v.dz, v.chain.ld, v.chain.width, 1});
  }

  void backward(bool fusedHead) {
    for (size_t l = values_.size(); l-- > lowest_;) {
      backThroughOps(l);
      if (l > lowest_ && !(fusedHead && l + 1 == values_.size())) inputGradient(l);
    }
    update();
  }

  // Of the layers that are trained.
  void update() {
    std::vector<CudaGradient> gradients;
    for (size_t l = 0; l < values_.size(); ++l) {
      if (network_.stages[l].trainable) gradients.push_back({network_.stages[l], l ? output(l - 1) : input_x_, values_[l].dz, values_[l].chain.ld});
    }
    cudaUpdate(launches_, plan_, gradients);
  }

  void inputGradient(size_t l) {
    const CudaStage& stage = network_.stages[l];
    const Values &v = values_[l], &to = values_[l - 1];
    cuda::Chain chain = to.chain;
    if (!to.fused) chain.activation = cuda::ActivationKind::Linear;  // it comes with the layers after it
    const CudaTile tile = productTile(rows_, stage.inputs, stage.outputs, launches_.multiprocessors());
    launches_.does = {Phase::Backward, layerOf(l)};
    launches_.add("gradient.cu", "gradient", {{"TILE", tile.arguments()}}, tile.across(stage.inputs), tile.down(rows_), tile.threads,
                  sharedBytesOf(tile, true, true),
                  cuda::GradientParams{launches_.call, v.dz, v.chain.ld, stage.weightsAt(), stage.ld, stage.inputs, stage.outputs, chain, to.dz});
  }

  const Plan& plan_;
  const CudaNetwork& network_;
  const int rows_;
  const CudaPurpose purpose_;
  const bool train_;
  CudaLaunches launches_;
  CudaRecipe& recipe_ = launches_.recipe;
  const size_t lowest_ = network_.lowest();
  cuda::Input input_x_{};
  std::vector<Values> values_;
};

}  // namespace

CudaRecipe cudaRecipe(const Plan& plan, const CudaNetwork& network, cuda::Device& device, const cuda::Control* control,
                      CudaPurpose purpose, bool bytes, int rows, int64_t results, bool stamped) {
  return Builder(plan, network, device, control, purpose, bytes, rows, results, stamped).build();
}

const char* cudaNameOf(UpdateKind kind) {
  constexpr const char* names[] = {"Store", "Sgd", "Momentum", "Nesterov", "Adam", "AdamW", "Rmsprop"};
  return names[static_cast<int>(kind)];
}

const char* cudaNameOf(Activation activation) {
  constexpr const char* names[] = {"Linear", "Relu", "Sigmoid", "Tanh", "Elu", "Gelu", "Softmax"};
  return names[static_cast<int>(activation)];
}

cuda::OptimizerConstants cudaConstants(const Optimizer& optimizer) {
  const Update u = updateOf(optimizer, 0, 0);
  return {u.decay1, u.blend1, u.decay2, u.blend2, u.epsilon};
}

const std::string& valueOf(const cuda::Program& program, const char* define) {
  const auto found = std::find_if(program.defines.begin(), program.defines.end(), [&](const auto& each) { return each.first == define; });
  if (found == program.defines.end()) throw std::logic_error(program.file + " has no " + define);
  return found->second;
}

Launch withOffset(const Launch& launch, int offset) {
  Launch moved = launch;
  std::memcpy(moved.parameters.data() + offsetof(cuda::Call, offset), &offset, sizeof offset);
  return moved;
}

Launch cudaAdvance(cuda::Device& device, cuda::Control* control, int steps) {
  const cuda::Kernel* kernel = device.compile({"rows.cu", "advance", {{"INPUT", "kBytes"}}});
  return cuda::launchOf(kernel, 1, 1, 32, 0, cuda::AdvanceParams{control, steps});
}

}  // namespace fusor
