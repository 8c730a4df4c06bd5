// The fused CPU kernels: plain pointers, no torch, no napi. One table of functions per instruction set; the engine
// takes the table that fits the machine (select.cc) and never asks which one it got.
//
// Layout shared by all of them. A Dense kernel [inputs, outputs] is kept *packed*: the outputs are cut into panels of
// `width` columns, and each panel is stored as [inputs][width], contiguous, so that both directions stream it. The last
// panel is padded with zero columns, which stay zero: their gradient is zero. Batches are row-major with a row stride
// (`ld…`, in floats) of at least the padded number of columns; the padded columns of a gradient are zero. Of a layer whose outputs
// are no more than half a panel, a stride of half a panel will do for denseForward, denseBackward and addParts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../terms.h"

namespace fusor {

struct Dropout;  // philox.h

// y[r, n] = activation(sum_k a[r, k] w[k, n] + bias[n]), rows x panels. `z`, where not null, gets the value before the
// activation (same stride as y): gelu needs it on the way back.
struct DenseForward {
  const float* a;     // [rows, inputs]
  long lda;
  const float* w;     // packed
  const float* bias;  // [panels * width] or null
  float* y;           // [rows, panels * width]
  float* z;
  long ldy;
  int inputs, outputs;  // outputs: of the layer, without the padding
  Activation activation;
  Range rows, panels;
  bool thin;         // whether to lay inputs in the lanes, where outputs are few (isThin): a fraction of the time, sums of another order
  bool sparse;       // whether to leave out products with a's zeros: the sums are the same. The tiles' kernels do not read it
  uint8_t* scratch;  // [denseTilesScratch(…)], or where sparse as many floats as sparseForwardScratch(…), at a multiple of 8
};

// Whether a Dense has so few outputs, that a panel would be padding for the most part, and inputs enough to fill the lanes
// instead, whose sums are to be summed.
inline bool isThin(int outputs, int inputs, int width) {
  return outputs <= width / 4 && outputs * (inputs / width + 3) <= inputs / 2;
}

// The gradients of a Dense layer's parameters,
//   dw[k, n] = sum_r a[r, k] dz[r, n]  for the given features (inputs) and panels,
//   db[n] = sum_r dz[r, n]             for the panels,
// each handed to the optimiser tile by tile: as a whole it never exists.
struct LayerUpdate {
  const float* dz;  // [rows, outputs]
  long lddz;
  int rows, inputs, outputs;
  Range features, panels;
  float* w;  // packed, as are the optimiser's slots
  float* slot0;
  float* slot1;
  float* bias;  // [panels * width] or null: no db
  float* biasSlot0;
  float* biasSlot1;
  Update update;
};

// The way back through a Dense layer: dw and db from a, and before w changes
//   dx[r, i] = activation'(h[r, i]) sum_n dz[r, n] w[i, n]
// for the features, which then begin and end where panels of inputs do: the gradient with respect to the previous layer's
// value *before* its activation, whose mask is applied here and never stored. It needs w[i, n] for all n; so with dx and
// a, the panels are all, and a thread that owns these features may change their weights without waiting for others.
struct DenseBackward : LayerUpdate {
  float* scratch;  // [backwardScratch(…)], or as many bytes as denseTilesScratch(…); where sparse at least sparseScratch(…)
  const float* a;  // [rows, inputs]; null: no dw
  long lda;
  // Whether to leave out products with zeros, as in DenseForward: of dz in dx, of a or of dz in dw.
  bool sparseDx;
  enum { None, OfA, OfDz } sparseDw;
  float* dx;       // [rows, padded inputs]; null: no dx, and nothing below is read
  const float* h;  // what the previous layer gave (after its activation), stride lddx
  const float* z;  // and before it, for gelu
  long lddx;
  Activation activation;
};

// Whether the products of a^T and dz read copies of both. Each of many wide rows lies on a page of its own, more pages than
// the processor keeps at hand: with copies a batch of 1024 on 4096 x 4096 takes 0.55 of the time, and one of 128 on
// 1024 x 1024 as long as without.
constexpr int kCopiedFeatures = 1024;  // at a time
bool copiesFactors(int rows, int inputs, int outputs);
size_t backwardScratch(int rows, int inputs, int outputs, int width);

// Bytes that the kernels that multiply float32 by tiles need beside them, forward or back.
size_t denseTilesScratch(int rows, int inputs, int outputs);
// Steps of 32 that such a product of k terms takes at a time.
int stepsTogether(int k);

// The first layer on bytes as the data set has them: denseForward, and denseBackward without dx, on byte x scale. `x`
// holds a pointer to each row.
struct BytesForward {
  const uint8_t* const* x;
  const float* table;  // [256]: byte x scale, in float32
  const float* w;
  const float* bias;
  float* y;
  float* z;
  long ldy;
  int inputs;
  Activation activation;
  Range rows, panels;
  uint8_t* scratch;  // [bytesScratch(…)], at a multiple of 8
};

struct BytesBackward : LayerUpdate {
  const uint8_t* const* x;
  const float* table;
  uint8_t* scratch;
  // Rows that the next call will read, fetched from memory while this one computes.
  const uint8_t* const* coming;
  int comingRows;
};

// A parameter's whole gradient, or n values of it, before the optimiser gets it:
//   g += l1 sign(w) + 2 l2 w; then, with an accumulator a,  g += a, a = g  or, when the gradients of `steps` are together,
//   g = (g + a) / steps, a = 0.
struct WholeGradient {
  float* g;        // null: sums of w alone
  const float* w;
  float* accumulator;  // or null
  long n;
  float l1, l2, steps;  // steps: 0 where more are to come
  bool normed;     // whether the norm is wanted
};

struct WholeSums {
  double magnitudes, squares;  // of w: sum |w|, where l1 is not 0, and sum w², where l2 is not
  double norm;                 // of the new g: sum g², where wanted
};

// Some columns of one panel, at most `width`, all rows of a batch, `ld` apart; what there is one of for each column begins with the first's.
struct NormalizedColumns {
  const float* x;  // what is normalised
  float* y;        // forward the result; back its gradient, in whose place comes that of x
  long ld;
  int rows, columns;
  const float* gamma;  // or null: 1
  const float* beta;   // or null: 0
  const float* mean;
  const float* inverse;  // 1 / sqrt(variance + epsilon)
};

struct MovingAverages {
  float* mean;
  float* variance;
  double momentum, epsilon;
};

// y = activation(sum of parts + bias) for a Dense of one panel whose product was cut into parts by its inputs, a panel of
// them each, as the layer before is.
struct PartialSums {
  const float* parts;  // [count][rows, outputs], stride ldy
  int count;
  long stride;        // from one part to the next
  const float* bias;  // [width] or null
  float* y;           // [rows, outputs], stride ldy
  float* z;
  long ldy;
  int outputs;
  Activation activation;
  Range rows;
};

// p = softmax(z) of each row, and the logarithm of the sum of its exponentials. In place is fine.
struct SoftmaxRows {
  const float* z;  // [rows, n], stride ld, a multiple of 16
  float* p;
  long ld;
  int n;
  Range rows;
  double* logSums;  // [rows]
};

// What the kernels that leave out zeros take at a time: rows on the way forward, features on the way back, panels on both.
constexpr int kSparseRows = 256, kSparseFeatures = 64, kSparsePanels = 4;
// Features of so many rows that are turned over at a time.
int sparseFeatures(int rows);
// Floats that these kernels need beside them on floats, forward alone, or forward and back.
size_t sparseForwardScratch(int rows, int inputs, int width);
size_t sparseScratch(int rows, int inputs, int outputs, int width);
// Bytes that the kernels on so many rows and panels of bytes need beside them, forward or back.
size_t bytesScratch(int rows, int inputs, int panels);
// Panels whose gradients tilesBackward makes while it has 16 features of all rows at hand.
int panelsAtATime(int rows);

struct Kernels {
  const char* name;  // "scalar", "avx2", "avx512", "amx", "neon"
  int width;         // columns of a panel
  void (*denseForward)(const DenseForward&);
  void (*denseBackward)(const DenseBackward&);
  // y = activation(x), n values; softmax takes n as one row. In place is fine.
  void (*activate)(Nonlinearity, const float* x, float* y, long n);
  void (*softmaxRows)(const SoftmaxRows&);
  // dx = activation'(…) dy from y = activation(z), which is read by gelu and by what no Dense layer carries; softmax takes n as one
  // row. In place is fine.
  void (*activateBackward)(Nonlinearity, const float* y, const float* z, const float* dy, float* dx, long n);
  // loss = max(z, 0) - z y + log(1 + e^-|z|): the binary cross-entropy of n logits. Not in place.
  void (*binaryCrossentropy)(const float* z, const float* y, float* loss, long n);
  // y = x scale + offset from float32 or uint8. The float32 form may be in place.
  void (*scaleBytes)(const uint8_t* x, float* y, long n, float scale, float offset);
  void (*scaleFloats)(const float* x, float* y, long n, float scale, float offset);
  // y = x, dropped or scaled up, of n elements of a batch, counted row by row, from `first` on. In place is fine.
  void (*dropout)(const Dropout&, int64_t first, const float* x, float* y, long n);
  void (*addParts)(const PartialSums&);
  // Of whole gradients and weights, packed; n is a multiple of `width`.
  WholeSums (*wholeGradient)(const WholeGradient&);
  void (*update)(const Update&, const float* g, float* w, float* slot0, float* slot1, long n);  // the optimiser
  void (*columnSquares)(const float* w, long rows, double* squares);                            // of a panel: [width] sums of w²
  void (*scaleColumns)(float* w, long rows, const float* factors);
  // Batch normalisation: the batch's mean and inverse, and the moving averages of one batch more; y; the way back.
  void (*columnMoments)(const NormalizedColumns&, const MovingAverages&, float* mean, float* inverse);
  void (*normalize)(const NormalizedColumns&);
  void (*normalizeBackward)(const NormalizedColumns&, bool ofBatch, float* gammaGradient, float* betaGradient);
  // Bytes that are mostly zero: the dense kernels' sums without the zeros, bit for bit.
  void (*sparseForward)(const BytesForward&);
  void (*sparseBackward)(const BytesBackward&);
  // Large layers as denseForward and denseBackward, where the processor multiplies tiles; null where it does not. Sums in an
  // order of their own.
  void (*denseTilesForward)(const DenseForward&);
  void (*denseTilesBackward)(const DenseBackward&);
  // Any bytes, faster than those where the processor multiplies tiles; null where it does not. Sums in an order of their own.
  void (*tilesForward)(const BytesForward&);
  void (*tilesBackward)(const BytesBackward&);
};

// The instruction sets there are kernels for, the widest first.
inline constexpr const char* kInstructionSets[] = {"amx", "avx512", "avx2", "neon", "scalar"};

// Each where this build has it; whether the processor does is for kernelsByName to say.
const Kernels* scalarKernels();
const Kernels* avx2Kernels();
const Kernels* avx512Kernels();
const Kernels* amxKernels();
const Kernels* neonKernels();

// The widest table that the processor and the operating system can run.
const Kernels* bestKernels();
// By name, "auto" for the best. Null when there is no such table here.
const Kernels* kernelsByName(const char* name);

inline int panelsOf(int columns, int width) { return (columns + width - 1) / width; }

}  // namespace fusor
