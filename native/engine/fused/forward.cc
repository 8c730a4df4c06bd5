// The forward pass of one Dense and what follows it: what training and evaluation share.
#include <algorithm>
#include <cstring>

#include "../../kernels/cpu/philox.h"
#include "few.h"
#include "trainer.h"
#include "zeros.h"

namespace fusor {

// Some rows of a dropout layer; from and to: the first of them, the others `ld` apart. The factors are drawn again on the way back:
// cheaper than keeping them.
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

long FusedTrainer::stageStride(size_t l, const Batch& batch) const { return l == 0 ? batch.stride : stages_[l - 1].ld; }

// Looks how much of some rows of a stage's input is not zero. Whether zeros are left out depends on it, what comes out
// does not.
void FusedTrainer::lookAt(size_t l, const Values& values, const Batch& batch, Source& source, Range rows) const {
  const DenseStage& stage = stages_[l];
  source.density[l] = 1;
  if ((l == 0 && source.input != Input::Floats) || !mayLeaveOut(stage, Product::Forward, source.batchRows)) return;
  const long stride = stageStride(l, batch);
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
  if (l == 0 && source.input != Input::Floats) return forwardBytes(values, source, source.rows, rows, panels);
  const DenseStage& stage = stages_[l];
  StageValues& to = values.stages[l];
  const float* bias = stage.useBias ? stage.bias.value.data() : nullptr;
  float* z = to.z.size() ? to.z.data() : nullptr;
  // Bytes are summed in one order, that of those kernels that leave out zeros, whether these or others compute.
  const bool thin = isThin(stage.outputs, stage.inputs, kernels_.width) && (l > 0 || !source.bytes);
  const bool tiles = byTiles(stage, Product::Forward, source.batchRows);
  const auto forward = tiles ? kernels_.denseTilesForward : kernels_.denseForward;
  forward({stageInput(l, values, batch), stageStride(l, batch), stage.kernel.value.data(), bias, to.y.data(), z, stage.ld, stage.inputs,
           stage.outputs, stage.activation, rows, panels, thin, leavesOutZeros(source.density[l]),
           reinterpret_cast<uint8_t*>(source.scratch.data())});
}

// The first stage, on rows of bytes.
void FusedTrainer::forwardBytes(Values& values, Source& source, const std::vector<const uint8_t*>& from, Range rows, Range panels) const {
  const DenseStage& stage = stages_[0];
  StageValues& to = values.stages[0];
  const auto forward = source.input == Input::Tiles ? kernels_.tilesForward : kernels_.sparseForward;
  forward({from.data(), table_, stage.kernel.value.data(), stage.useBias ? stage.bias.value.data() : nullptr, to.y.data(),
           to.z.size() ? to.z.data() : nullptr, stage.ld, stage.inputs, stage.activation, rows, panels,
           reinterpret_cast<uint8_t*>(source.scratch.data())});
}

// Some rows of a layer after a Dense; of a batch normalisation by the mean and inverse that it has.
void FusedTrainer::forwardAfter(const DenseStage& stage, StageValues& values, size_t i, Range rows, const Step* step) const {
  const Layer& layer = stage.after[i].layer;
  const float* const in = values.before(i);
  float* const out = values.after[i].data();
  const int n = stage.outputs;
  if (layer.kind == LayerKind::BatchNormalization) {
    for (int p = 0; p < stage.panels; ++p) kernels_.normalize(columnsOf(stage, i, values, out, rows, p));
    return;
  }
  if (layer.kind == LayerKind::Dropout && step) {
    return dropout(layer, *step, rows, in + rows.begin * stage.ld, out + rows.begin * stage.ld, stage.ld);
  }
  for (int r = rows.begin; r < rows.end; ++r) {
    const float* from = in + r * stage.ld;
    float* to = out + r * stage.ld;
    if (layer.kind == LayerKind::Rescaling) {
      kernels_.scaleFloats(from, to, n, layer.scale, layer.offset);
    } else if (layer.kind == LayerKind::Activation) {
      kernels_.activate(layer.nonlinearity(), from, to, n);
    } else {
      std::memcpy(to, from, n * sizeof(float));
    }
  }
}

}  // namespace fusor
