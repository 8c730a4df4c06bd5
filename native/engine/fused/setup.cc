// What the fused trainer is made of: stages from a plan, buffers for a batch, weights in and out.
#include <algorithm>

#include "loss.h"
#include "trainer.h"

namespace fusor {
namespace {

// The distance between rows, in floats: room for `columns`, and of more than a few cache lines an odd number. At a multiple of
// 4 KiB the rows of a tile would all fall into the same few places of the first-level cache.
long strideFor(int columns) {
  constexpr long kFew = 4;
  const long lines = (columns + 15) / 16;
  return 16 * (lines <= kFew ? lines : lines | 1);
}

bool makesZeros(const Layer& layer) {
  return (layer.kind == LayerKind::Activation && layer.activation == Activation::Relu) ||
         (layer.kind == LayerKind::Dropout && layer.rate >= 0.5f);
}

Packed packed(size_t floats, int slots) {
  Packed p;
  p.value = Floats(floats);
  for (int s = 0; s < slots; ++s) p.slots[s] = Floats(floats);
  return p;
}

}  // namespace

bool DenseStage::leavesZeros() const {
  bool zeros = activation == Activation::Relu;
  for (const After& each : after) zeros = !each.normalization && (zeros || makesZeros(each.layer));
  return zeros;
}

bool DenseStage::getsZeros() const {
  if (activation == Activation::Relu) return true;
  for (const After& each : after) {
    if (each.normalization) return false;
    if (makesZeros(each.layer)) return true;
  }
  return false;
}

bool DenseStage::learns() const {
  return trainable || std::ranges::any_of(after, &After::takesColumns);
}

FusedTrainer::FusedTrainer(const Plan& plan, const State& state, const Kernels& kernels, int threads)
    : plan_(plan), kernels_(kernels), team_(threads), pace_(team_.size()) {
  for (const Layer& layer : plan_.layers) {
    const int slots = plan_.optimizer.slots;
    if (layer.kind != LayerKind::Dense) {
      if (stages_.empty()) {
        before_.push_back(layer);
        continue;
      }
      After& after = stages_.back().after.emplace_back(layer, std::nullopt);
      if (layer.kind != LayerKind::BatchNormalization) continue;
      const size_t columns = static_cast<size_t>(stages_.back().panels) * kernels_.width;
      const auto vector = [&] { return packed(columns, slots); };
      after.normalization.emplace(vector(), vector(), vector(), vector(), Floats(columns), Floats(columns));
      normalizes_ |= layer.trainable;
      continue;
    }
    if (stages_.empty()) {
      constexpr int kFewest = 64;  // of fewer bytes leaving out zeros gains nothing
      constexpr int kMany = 1024;  // up to so many, and for few outputs, it gains less than inputs in the lanes do
      const bool thin = plan.features <= kMany && isThin(layer.outputs, layer.inputs, kernels_.width);
      const bool rescales = before_.size() == 1 && before_[0].kind == LayerKind::Rescaling && before_[0].offset == 0;
      takesBytes_ = plan.features >= kFewest && (before_.empty() || rescales) && !thin;
    }
    DenseStage stage;
    stage.layer = static_cast<int>(&layer - plan_.layers.data());
    stage.inputs = layer.inputs;
    stage.outputs = layer.outputs;
    stage.panels = panelsOf(layer.outputs, kernels_.width);
    const bool onBytes = stages_.empty() && takesBytes_, half = layer.outputs <= kernels_.width / 2 && !onBytes;
    stage.ld = strideFor(half ? kernels_.width / 2 : stage.panels * kernels_.width);
    const size_t columns = static_cast<size_t>(stage.panels) * kernels_.width;
    stage.useBias = layer.useBias;
    stage.trainable = layer.trainable;
    stage.activation = layer.activation;
    // Only where every member gets (nearly) the same number of panels.
    stage.byColumns = stage.panels % team_.size() == 0 || stage.panels >= 4 * team_.size();
    stage.inParts = stage.panels == 1 && !stages_.empty() && stages_.back().panels > 1;
    stage.readsZeros = !stages_.empty() && stages_.back().leavesZeros();
    stage.kernel = packed(columns * stage.inputs, slots);
    stage.bias = packed(columns, slots);
    productsOfRow_ += int64_t{stage.inputs} * stage.outputs;
    stages_.push_back(std::move(stage));
  }
  // Few features lie as close as they can: nothing reads beyond them.
  constexpr int kFew = 16;
  xStride_ = stages_.empty() || plan.features > kFew ? strideFor(plan.features) : plan.features;
  byRows_ = std::ranges::none_of(stages_, &DenseStage::byColumns);
  lowest_ = std::ranges::find_if(stages_, &DenseStage::learns) - stages_.begin();
  listWholes();
  uint8_t bytes[256];
  for (int i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  kernels_.scaleBytes(bytes, table_, 256, before_.empty() ? 1.0f : before_[0].scale, 0.0f);
  write(state);
}

// A batch whose values would not stay in a second-level cache is taken through the network in blocks of so many rows, each
// about as long; the gradients are summed. Not a matter of how many threads there are, for sums depend on it.
int FusedTrainer::blockRows(int batchSize) const {
  if (normalizes_) return batchSize;
  constexpr size_t kCache = (512 << 10) / sizeof(float), kFewest = 512;
  constexpr int kTogether = 16;  // as vectors and tiles do
  size_t row = takesBytes_ ? plan_.features / 4 : xStride_;
  for (const DenseStage& stage : stages_) {
    row += stage.ld * (2 + stage.after.size() + (stage.activation == Activation::Gelu));
    if (stage.inParts) row += stage.ld * panelsOf(stage.inputs, kernels_.width);
  }
  const int64_t most = static_cast<int64_t>(std::max(kFewest, kCache / row));
  const int64_t blocks = (batchSize + most - 1) / most, each = (batchSize + blocks - 1) / blocks;
  return static_cast<int>(std::min<int64_t>(batchSize, (each + kTogether - 1) / kTogether * kTogether));
}

// Whether the first stage's weights and slots are so many that they have left the caches from one step to the next, and the rows so few
// that this is what takes the time.
bool FusedTrainer::goesAhead(int batchSize) const {
  constexpr size_t kCache = (32 << 20) / sizeof(float);
  constexpr int kFew = 64;
  return batchSize <= kFew && stages_[0].byColumns && lowest_ == 0 && stages_[0].trainable &&
         stages_[0].kernel.value.size() * (1 + plan_.optimizer.slots) >= kCache;
}

Description FusedTrainer::describe() const {
  constexpr const char* kNames[] = {"fused", "fused, sparse input", "fused, tiles of bytes"};
  return {kNames[static_cast<int>(input_.load(std::memory_order_relaxed))], kernels_.name, team_.size()};
}

Values FusedTrainer::valuesFor(int rows, bool training) const {
  Values values;
  values.rows = rows;
  for (const DenseStage& stage : stages_) {
    StageValues s;
    s.y = Floats(rows * stage.ld);
    if (stage.activation == Activation::Gelu) s.z = Floats(rows * stage.ld);
    if (training) s.dz = Floats(rows * stage.ld);
    if (training && stage.inParts) s.parts = Floats(panelsOf(stage.inputs, kernels_.width) * rows * stage.ld);
    for (size_t i = 0; i < stage.after.size(); ++i) s.after.emplace_back(rows * stage.ld);
    values.stages.push_back(std::move(s));
  }
  return values;
}

// Whether a product's factors are used often enough to be worth cutting into parts, and neither is half zeros by its making: these
// products vectors leave out, tiles cannot. Nothing of the data decides, for tiles sum in another order.
bool FusedTrainer::byTiles(const DenseStage& stage, Product product, int batchRows) const {
  constexpr int kFew = 64;
  if (!kernels_.denseTilesForward || batchRows < kFew || stage.inputs < kFew || stage.outputs < kFew) return false;
  return !(product != Product::InputGradient && stage.readsZeros) && !(product != Product::Forward && stage.getsZeros());
}

Source FusedTrainer::sourceFor(int rows, int batchRows, Input input, bool training) const {
  const int width = kernels_.width;
  size_t floats = lossScratch(logitStride());
  for (const DenseStage& stage : stages_) {
    const int inputs = stage.inputs, outputs = stage.outputs;
    const bool onBytes = input != Input::Floats && &stage == stages_.data();
    const auto mayLeave = [&](Product product) { return !onBytes && mayLeaveOut(stage, product, batchRows); };
    if (training) floats = std::max(floats, backwardScratch(rows, inputs, outputs, width));
    if (training && (mayLeave(Product::Forward) || mayLeave(Product::InputGradient) || mayLeave(Product::WeightGradient))) {
      floats = std::max(floats, sparseScratch(rows, inputs, outputs, width));
    }
    if (mayLeave(Product::Forward)) floats = std::max(floats, sparseForwardScratch(rows, inputs, width));
    for (const Product product : {Product::Forward, Product::InputGradient, Product::WeightGradient}) {
      if (!training && product != Product::Forward) break;
      if (byTiles(stage, product, batchRows)) floats = std::max(floats, denseTilesScratch(rows, inputs, outputs) / sizeof(float));
    }
  }
  Source source{input, batchRows, {}, {}, std::vector<double>(stages_.size(), 1.0), {}};
  if (input != Input::Floats) {
    floats = std::max(floats, bytesScratch(rows, stages_[0].inputs, stages_[0].panels) / sizeof(float));
    source.rows.resize(rows);
    source.coming.resize(rows);
  }
  source.scratch = Floats(floats);
  return source;
}

Batch FusedTrainer::batchFor(const Dataset& data, int rows, float* x) const {
  Batch batch{x, xStride_, {}, {}, {}};
  if (!data.labels.empty()) batch.labels.resize(rows);
  if (!data.values.empty()) batch.values.resize(static_cast<size_t>(rows) * plan_.outputs);
  if (!data.weights.empty()) batch.weights.resize(rows);
  return batch;
}

// f(parameter, rows, columns, index) in the plan's order; a bias is a matrix of one row.
template <class F>
void FusedTrainer::eachParameter(F f) {
  size_t index = 0;
  for (DenseStage& stage : stages_) {
    f(stage.kernel, stage.inputs, stage.outputs, index++);
    if (stage.useBias) f(stage.bias, 1, stage.outputs, index++);
    for (auto& [layer, normalization] : stage.after) {
      if (!normalization) continue;
      auto& [gamma, beta, movingMean, movingVariance, _, __] = *normalization;
      if (layer.hasGamma) f(gamma, 1, stage.outputs, index++);
      if (layer.hasBeta) f(beta, 1, stage.outputs, index++);
      f(movingMean, 1, stage.outputs, index++);
      f(movingVariance, 1, stage.outputs, index++);
    }
  }
}

State FusedTrainer::read() {
  State state;
  state.step = step_;
  state.slots.resize(plan_.optimizer.slots);
  eachParameter([&](Packed& p, int rows, int columns, size_t) {
    state.weights.push_back(unpack(p.value.data(), rows, columns, kernels_.width));
    for (int s = 0; s < plan_.optimizer.slots; ++s) {
      state.slots[s].push_back(unpack(p.slots[s].data(), rows, columns, kernels_.width));
    }
  });
  return state;
}

void FusedTrainer::write(const State& state) {
  step_ = state.step;
  eachParameter([&](Packed& p, int rows, int columns, size_t index) {
    pack(state.weights[index], rows, columns, kernels_.width, p.value.data());
    for (int s = 0; s < plan_.optimizer.slots; ++s) pack(state.slots[s][index], rows, columns, kernels_.width, p.slots[s].data());
  });
}

}  // namespace fusor
