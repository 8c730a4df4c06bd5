// The forward pass, and what needs no more than that: evaluation and prediction.
#include <algorithm>
#include <cstring>

#include "../../kernels/cpu/philox.h"
#include "few.h"
#include "loss.h"
#include "trainer.h"
#include "zeros.h"

namespace fusor {
namespace {
// Rows that evaluation takes through the whole network at a time, at most: they stay in a second-level cache.
constexpr int kChunkRows = 64;
// Products that are worth waking somebody for.
constexpr int64_t kMuchWork = 1 << 20;
}

// Some rows of a dropout layer; from and to: the first of them, the others `ld` apart. The factors are drawn again on the way back: cheaper than keeping them.
void FusedTrainer::dropout(const Layer& layer, const Step& step, Range rows, const float* from, float* to, long ld) const {
  constexpr int kBlock = 512;  // values of short rows, drawn together
  const Dropout factors(plan_.seed, layer.stream, step.number, layer.rate);
  const int n = layer.outputs, most = std::max(1, kBlock / n);
  float block[kBlock];
  for (int r = rows.begin; r < rows.end; r += most, from += most * ld, to += most * ld) {
    const int count = std::min(most, rows.end - r);
    const int64_t first = (int64_t{step.first} + r) * n;
    if (count == 1) {
      kernels_.dropout(factors, first, from, to, n);
      continue;
    }
    for (int i = 0; i < count; ++i) copyFew(from + i * ld, n, block + i * n);
    kernels_.dropout(factors, first, block, block, count * n);
    for (int i = 0; i < count; ++i) copyFew(block + i * n, n, to + i * ld);
  }
}

// Where `count` rows from `first` on lie, of the data or of `order`. Their labels are on their way from memory after that.
void FusedTrainer::point(const Dataset& data, const uint32_t* order, int64_t first, int count,
                         std::vector<const uint8_t*>& rows) const {
  for (int r = 0; r < count; ++r) {
    const int64_t row = order ? order[first + r] : first + r;
    rows[r] = data.bytes.data() + row * plan_.features;
    if (!data.labels.empty()) __builtin_prefetch(&data.labels[row]);
  }
}

// Rows [first + rows.begin, first + rows.end) of the data, or of `order` where given.
void FusedTrainer::gather(const Dataset& data, const uint32_t* order, int64_t first, Range rows, Input input, Batch& batch,
                          const Step* step) const {
  const int outputs = plan_.outputs;
  constexpr int kAhead = 16;
  const bool fetches = order && input == Input::Floats && !fitsAhead(data, rows.size());
  for (int r = rows.begin; r < rows.end; ++r) {
    const int64_t row = order ? order[first + r] : first + r;
    if (fetches && r + kAhead < rows.end) prefetch(data, order + first, {r + kAhead, r + kAhead + 1});
    if (input == Input::Floats) gatherRow(data, row, r, batch.x + r * xStride_, step);
    if (!data.labels.empty()) batch.labels[r] = data.labels[row];
    if (!data.values.empty()) copyFew(&data.values[row * outputs], outputs, &batch.values[static_cast<size_t>(r) * outputs]);
    if (!data.weights.empty()) batch.weights[r] = data.weights[row];
  }
}

// Whether so many rows that come before they are needed are still there then.
bool FusedTrainer::fitsAhead(const Dataset& data, int rows) const {
  constexpr size_t kCache = 256 << 10;
  return static_cast<size_t>(rows) * plan_.features * (data.bytes.empty() ? sizeof(float) : 1) <= kCache;
}

// Rows on their way from memory: those of the next step while this one computes, or of many a few at a time.
void FusedTrainer::prefetch(const Dataset& data, const uint32_t* order, Range rows) const {
  const size_t size = data.bytes.empty() ? sizeof(float) : 1, bytes = plan_.features * size;
  const auto* base = data.bytes.empty() ? reinterpret_cast<const char*>(data.floats.data())
                                        : reinterpret_cast<const char*>(data.bytes.data());
  constexpr size_t kLine = 64;
  for (int r = rows.begin; r < rows.end; ++r) {
    const char* row = base + order[r] * bytes;
    for (size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at, 0, 2);
    __builtin_prefetch(row + bytes - 1, 0, 2);  // a row ends on a line of its own, often
    if (!data.labels.empty()) __builtin_prefetch(&data.labels[order[r]]);
    if (!data.values.empty()) __builtin_prefetch(&data.values[static_cast<size_t>(order[r]) * plan_.outputs]);
  }
}

// One row to float32, rescaled on the way, through the layers before the first Dense. r: its place in the batch.
void FusedTrainer::gatherRow(const Dataset& data, int64_t row, int r, float* x, const Step* step) const {
  const int n = plan_.features;
  const bool rescale = !before_.empty() && before_[0].kind == LayerKind::Rescaling;
  const float scale = rescale ? before_[0].scale : 1.0f, offset = rescale ? before_[0].offset : 0.0f;
  if (!data.bytes.empty()) {
    kernels_.scaleBytes(data.bytes.data() + row * n, x, n, scale, offset);
  } else if (rescale) {
    kernels_.scaleFloats(data.floats.data() + row * n, x, n, scale, offset);
  } else {
    copyFew(data.floats.data() + row * n, n, x);
  }
  for (size_t i = rescale; i < before_.size(); ++i) {
    const Layer& layer = before_[i];
    if (layer.kind == LayerKind::Rescaling) kernels_.scaleFloats(x, x, n, layer.scale, layer.offset);
    if (layer.kind == LayerKind::Activation) kernels_.activate(layer.activation, x, x, n);
    if (layer.kind == LayerKind::Dropout && step) dropout(layer, *step, {r, r + 1}, x, x, xStride_);
  }
}

Input FusedTrainer::inputOf(const Dataset& data) const {
  if (!takesBytes_ || data.bytes.empty()) return Input::Floats;
  // Whatever the density: sums of tiles are others than those of vectors, and parts of one data set must not differ in it.
  if (kernels_.tilesForward) return Input::Tiles;
  return leavesOutZeros(densityOf(data, plan_.features)) ? Input::Sparse : Input::Floats;
}

// What a stage reads: the stage before, or the batch.
const float* FusedTrainer::stageInput(size_t l, const Values& values, const Batch& batch) const {
  return l == 0 ? batch.x : values.stages[l - 1].out();
}

long FusedTrainer::stageStride(size_t l) const { return l == 0 ? xStride_ : stages_[l - 1].ld; }

// Looks how much of some rows of a stage's input is not zero. Whether zeros are left out depends on it, what comes out
// does not.
void FusedTrainer::lookAt(size_t l, const Values& values, const Batch& batch, Source& source, Range rows) const {
  const DenseStage& stage = stages_[l];
  source.density[l] = 1;
  if ((l == 0 && source.input != Input::Floats) || !mayLeaveOut(stage, Product::Forward, source.batchRows)) return;
  const long stride = stageStride(l);
  source.density[l] = densityOf(stageInput(l, values, batch) + rows.begin * stride, stride, rows.size(), stage.inputs);
}

// Whether a product is one in which zeros may be left out: of vectors, and of enough terms and panels.
bool FusedTrainer::mayLeaveOut(const DenseStage& stage, Product product, int batchRows) const {
  constexpr int kFewestTerms = 64, kFewestPanels = 2;  // a member
  const bool forward = product == Product::Forward;
  const int terms = forward ? stage.inputs : stage.outputs;
  const int panels = forward ? stage.panels : panelsOf(stage.inputs, kernels_.width);
  return terms >= kFewestTerms && panels >= kFewestPanels * team_.size() && !byTiles(stage, product, batchRows);
}

void FusedTrainer::forwardDense(size_t l, Values& values, const Batch& batch, Source& source, Range rows, Range panels) const {
  const DenseStage& stage = stages_[l];
  StageValues& to = values.stages[l];
  const float* bias = stage.useBias ? stage.bias.value.data() : nullptr;
  float* z = to.z.size() ? to.z.data() : nullptr;
  if (l == 0 && source.input != Input::Floats) {
    const auto forward = source.input == Input::Tiles ? kernels_.tilesForward : kernels_.sparseForward;
    forward({source.rows.data(), table_, stage.kernel.value.data(), bias, to.y.data(), z, stage.ld, stage.inputs,
             stage.activation, rows, panels, reinterpret_cast<uint8_t*>(source.scratch.data())});
    return;
  }
  // Bytes are summed in one order, that of those kernels that leave out zeros, whether these or others compute.
  const bool thin = isThin(stage.outputs, stage.inputs, kernels_.width) && (l > 0 || !source.bytes);
  const bool tiles = byTiles(stage, Product::Forward, source.batchRows);
  const auto forward = tiles ? kernels_.denseTilesForward : kernels_.denseForward;
  forward({stageInput(l, values, batch), stageStride(l), stage.kernel.value.data(), bias, to.y.data(), z, stage.ld, stage.inputs,
           stage.outputs, stage.activation, rows, panels, thin, leavesOutZeros(source.density[l]),
           reinterpret_cast<uint8_t*>(source.scratch.data())});
}

void FusedTrainer::forwardAfter(const DenseStage& stage, StageValues& values, Range rows, const Step* step) const {
  const float* in = values.y.data();
  const int n = stage.outputs;
  for (size_t i = 0; i < stage.after.size(); ++i) {
    const Layer& layer = stage.after[i];
    float* const out = values.after[i].data();
    const bool drops = layer.kind == LayerKind::Dropout && step;
    if (drops) dropout(layer, *step, rows, in + rows.begin * stage.ld, out + rows.begin * stage.ld, stage.ld);
    for (int r = rows.begin; r < rows.end && !drops; ++r) {
      const float* from = in + r * stage.ld;
      float* to = out + r * stage.ld;
      if (layer.kind == LayerKind::Rescaling) {
        kernels_.scaleFloats(from, to, n, layer.scale, layer.offset);
      } else if (layer.kind == LayerKind::Activation) {
        kernels_.activate(layer.activation, from, to, n);
      } else {
        std::memcpy(to, from, n * sizeof(float));
      }
    }
    in = out;
  }
}

const float* FusedTrainer::forwardAll(Values& values, const Batch& batch, Source& source, int rows) const {
  for (size_t l = 0; l < stages_.size(); ++l) {
    lookAt(l, values, batch, source, {0, rows});
    forwardDense(l, values, batch, source, {0, rows}, {0, stages_[l].panels});
    forwardAfter(stages_[l], values.stages[l], {0, rows}, nullptr);
  }
  return stages_.empty() ? batch.x : values.stages.back().out();
}

// The same by all members together.
const float* FusedTrainer::forwardTogether(Values& values, const Batch& batch, Source& source, int rows, int me) {
  for (size_t l = 0; l < stages_.size(); ++l) {
    const DenseStage& stage = stages_[l];
    const Range all{0, rows}, own = share(rows, me);
    team_.barrier();
    lookAt(l, values, batch, source, all);
    forwardDense(l, values, batch, source, stage.byColumns ? all : own, stage.byColumns ? share(stage.panels, me) : Range{0, stage.panels});
    if (stage.after.empty()) continue;
    if (stage.byColumns) team_.barrier();
    forwardAfter(stage, values.stages[l], own, nullptr);
  }
  team_.barrier();
  return stages_.empty() ? batch.x : values.stages.back().out();
}

// Few rows are shared out evenly.
int FusedTrainer::rowsOfChunk(int64_t rows) const {
  if (rows >= kChunkRows * team_.size()) return kChunkRows;
  const int64_t members = std::clamp<int64_t>(rows * productsOfRow_ / kMuchWork, 1, team_.size());
  return static_cast<int>(std::clamp<int64_t>((rows + members - 1) / members, 1, kChunkRows));
}

// Whether few rows go through many weights: then members share out a layer's columns, and each weight is read once, by one of them.
bool FusedTrainer::sharesColumns(int64_t rows) const {
  return team_.size() > 1 && rows > 0 && rows <= kChunkRows && productsOfRow_ >= kMuchWork;
}

void FusedTrainer::chunks(const Dataset& data, int64_t begin, int64_t end, Control* control,
                          const std::function<void(const Batch&, Source&, int64_t, int, const float*)>& each) {
  const bool together = sharesColumns(end - begin);
  const int chunk = together ? static_cast<int>(end - begin) : rowsOfChunk(end - begin);
  const int64_t count = (end - begin + chunk - 1) / chunk;
  // Nobody is woken, and nothing taken, for whom there is no chunk; nor memory for rows that are not there.
  const int members = together ? team_.size() : static_cast<int>(std::clamp<int64_t>(count, 1, team_.size()));
  const int most = static_cast<int>(std::min<int64_t>(chunk, end - begin));
  const Input input = inputOf(data);
  chunkValues_.resize(std::max<size_t>(chunkValues_.size(), members));
  struct Place {
    Floats x;
    Source source;
    Batch batch;
  };
  std::vector<Place> places;
  for (int i = 0; i < members; ++i) {
    const bool computesAlone = !together || i == 0;
    if (computesAlone && chunkValues_[i].rows < most) chunkValues_[i] = valuesFor(most, false);
    Floats x(computesAlone && input == Input::Floats ? most * xStride_ : 0);
    Batch batch = batchFor(data, most, x.data());
    places.push_back({std::move(x), sourceFor(most, kChunkRows, input, false), std::move(batch)});
    places.back().source.bytes = takesBytes_ && !data.bytes.empty();
  }
  if (together) {
    return team_.run(members, [&](int me) {
      Source& source = places[me].source;
      Batch& batch = places[0].batch;
      if (input != Input::Floats) point(data, nullptr, begin, chunk, source.rows);
      gather(data, nullptr, begin, share(chunk, me), input, batch, nullptr);
      const float* const logits = forwardTogether(chunkValues_[0], batch, source, chunk, me);
      if (me == 0) each(batch, source, begin, chunk, logits);
    });
  }
  // Whoever is free takes the next: a member that lost its core holds nobody up for longer than a chunk.
  std::atomic<int64_t> next{0};
  team_.run(members, [&](int me) {
    Values& values = chunkValues_[me];
    auto& [x, source, batch] = places[me];
    for (int64_t c = next.fetch_add(1); c < count; c = next.fetch_add(1)) {
      if (control && control->abort.load(std::memory_order_relaxed)) return;
      const int64_t at = begin + c * chunk;
      const int rows = static_cast<int>(std::min<int64_t>(chunk, end - at));
      if (input != Input::Floats) point(data, nullptr, at, rows, source.rows);
      gather(data, nullptr, at, {0, rows}, input, batch, nullptr);
      each(batch, source, at, rows, forwardAll(values, batch, source, rows));
    }
  });
}

bool FusedTrainer::evaluate(const Dataset& data, int64_t begin, int64_t end, int, Control& control, Sums& sums) {
  const size_t metrics = plan_.metrics.size();
  std::vector<double> losses(end - begin), rowMetrics((end - begin) * metrics);
  chunks(data, begin, end, &control, [&](const Batch& batch, Source& source, int64_t at, int rows, const float* logits) {
    lossRows(plan_, kernels_, {logits, nullptr, logitStride(), batch.targets(), batch.rowWeights(), rows, &losses[at - begin],
                               rowMetrics.data() + (at - begin) * metrics, {0, rows}, source.scratch.data()});
  });
  if (control.abort.load(std::memory_order_relaxed)) return false;
  sums.loss += penalty() * (end - begin);
  for (int64_t r = 0; r < end - begin; ++r) {
    sums.loss += losses[r];
    for (size_t m = 0; m < metrics; ++m) sums.metrics[m] += rowMetrics[r * metrics + m];
  }
  return true;
}

void FusedTrainer::predict(const Dataset& data, float* out) {
  const int n = plan_.outputs;
  chunks(data, 0, data.rows, nullptr, [&](const Batch&, Source&, int64_t at, int rows, const float* logits) {
    float* const to = out + at * n;
    for (int r = 0; r < rows; ++r) copyFew(logits + r * logitStride(), n, to + static_cast<long>(r) * n);
    activateRows(plan_, kernels_, to, to, rows);
  });
}

}  // namespace fusor
