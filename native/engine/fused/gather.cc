// Rows of a data set on their way into a batch: found, fetched from memory ahead, made floats.
#include "few.h"
#include "trainer.h"

namespace fusor {

// Where `count` rows from `first` on lie, of the data or of `order`. Their labels are on their way from memory after that.
void FusedTrainer::point(const Dataset& data, const uint32_t* order, int64_t first, int count,
                         std::vector<const uint8_t*>& rows) const {
  for (int r = 0; r < count; ++r) {
    const int64_t row = order ? order[first + r] : first + r;
    rows[r] = data.bytes.data() + row * plan_.features;
    if (!data.labels.empty()) __builtin_prefetch(&data.labels[row]);
  }
}

// Rows [first + rows.begin, first + rows.end) of the data, or of `order` where given: targets, and inputs unless they are read where they
// lie.
void FusedTrainer::gather(const Dataset& data, const uint32_t* order, int64_t first, Range rows, bool copies, Batch& batch,
                          const Step* step) const {
  const int outputs = plan_.outputs;
  constexpr int kAhead = 16;
  const bool fetches = order && copies && !fitsAhead(data, rows.size());
  for (int r = rows.begin; r < rows.end; ++r) {
    const int64_t row = order ? order[first + r] : first + r;
    if (fetches && r + kAhead < rows.end) prefetch(data, order + first, {r + kAhead, r + kAhead + 1});
    if (copies) gatherRow(data, row, r, batch.x + r * xStride_, step);
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
    if (layer.kind == LayerKind::Activation) kernels_.activate(layer.nonlinearity(), x, x, n);
    if (layer.kind == LayerKind::Dropout && step) dropout(layer, *step, {r, r + 1}, x, x, xStride_);
  }
}

}  // namespace fusor
