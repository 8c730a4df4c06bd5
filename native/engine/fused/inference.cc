// What needs no more than the forward pass: evaluation and prediction, by chunks of rows.
#include <algorithm>

#include "few.h"
#include "loss.h"
#include "trainer.h"

namespace fusor {
namespace {

// Rows that evaluation takes through the whole network at a time, at most: they stay in a second-level cache.
constexpr int kChunkRows = 64;
// Products that are worth waking somebody for.
constexpr int64_t kMuchWork = 1 << 20;

}  // namespace

const float* FusedTrainer::forwardAll(Values& values, const Batch& batch, Source& source, int rows) const {
  for (size_t l = 0; l < stages_.size(); ++l) {
    lookAt(l, values, batch, source, {0, rows});
    forwardDense(l, values, batch, source, {0, rows}, {0, stages_[l].panels});
    for (size_t i = 0; i < stages_[l].after.size(); ++i) forwardAfter(stages_[l], values.stages[l], i, {0, rows}, nullptr);
  }
  return stages_.empty() ? batch.x : values.stages.back().out();
}

const float* FusedTrainer::forwardTogether(Values& values, const Batch& batch, Source& source, int rows, int me) {
  for (size_t l = 0; l < stages_.size(); ++l) {
    const DenseStage& stage = stages_[l];
    const Range all{0, rows}, own = share(rows, me);
    team_.barrier();
    lookAt(l, values, batch, source, all);
    forwardDense(l, values, batch, source, stage.byColumns ? all : own, stage.byColumns ? share(stage.panels, me) : Range{0, stage.panels});
    if (stage.after.empty()) continue;
    if (stage.byColumns) team_.barrier();
    for (size_t i = 0; i < stage.after.size(); ++i) forwardAfter(stage, values.stages[l], i, own, nullptr);
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
  restNormalizations();
  // Rows of floats, as the data set has them, are a batch, unless they are so wide that those of a tile may fall into the same few
  // places of the first-level cache (strideFor).
  constexpr int kWide = 512;
  const bool inPlace =
      input == Input::Floats && !data.floats.empty() && before_.empty() && !stages_.empty() && plan_.features <= kWide;
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
      gather(data, nullptr, begin, share(chunk, me), input == Input::Floats, batch, nullptr);
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
      if (inPlace) batch.x = const_cast<float*>(&data.floats[at * plan_.features]), batch.stride = plan_.features;  // nobody writes there
      gather(data, nullptr, at, {0, rows}, input == Input::Floats && !inPlace, batch, nullptr);
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
