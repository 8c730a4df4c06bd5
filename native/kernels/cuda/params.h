// What the kernels get, and the engine fills in: plain structs. Pointers are addresses on the device. Matrices are
// row-major float32; their stride (`ld`, in floats) is a multiple of 4 and rows are 16-byte aligned. The columns beyond
// a matrix's width are zero, and no kernel writes there. Formulas: src/backend/contract.ts.
#pragma once

namespace fusor::cuda {

enum class ActivationKind : int { Linear, Relu, Sigmoid, Tanh, Elu, Gelu, Softmax, Silu, Selu, Softplus, LeakyRelu };
enum class OptimizerKind : int { Store, Sgd, Momentum, Nesterov, Adam, AdamW, Rmsprop };
enum class LossKindOf : int { CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy, SquaredError, AbsoluteError, Huber };
enum class MetricKindOf : int { CategoricalAccuracy, BinaryAccuracy, TopK, SquaredError, AbsoluteError };
enum class OpKind : int { Rescaling, Activation, Dropout };

// A span of steps: everything that changes from one to the next. Lives in device memory, so a graph replays unchanged. What
// every launch needs comes first (`enter` in step.h).
struct Control {
  int base;   // step of the span that a launch with offset 0 belongs to
  int end;    // steps that are to be done; lowered where a loss is not finite
  int steps;  // length of `losses`, `rates`, each of `metrics`
  int batch;
  long long rows;   // of the span
  long long first;  // row of the data where rows come in their own order
  unsigned long long number;  // of the span's step 0 since training began: the key of dropout
  unsigned long long seed;
  const unsigned* order;  // rows of the data in training order, or null
  const void* x;          // uint8 or float32 [rows of the data, features], not padded
  const int* labels;      // one of the two
  const float* values;    // [rows of the data, outputs], not padded
  const float* weights;   // or null
  const float* rates;     // [steps][2]: rate with Adam's bias correction in it; rate x weight decay
  const float* together;  // [steps]: of how many steps' gradients an update is, 0 where more are to come; null: each has its own
  float* losses;          // [steps]
  float* metrics;         // [metrics][steps]
  // Of a profile, else null. [steps][launches of a step][begin, end] in nanoseconds; of a cluster [its launches][begin, end]
  // in nanoseconds, then [steps][ClusterBorder] in cycles, 32 bits each.
  unsigned long long* stamps;
  int launches;
};

// Where the phases of a step begin in cluster.cu: Rows, Shares and Gradients are waited for. End: of a launch's last step.
enum class ClusterBorder : int { Rows, Forward0, Forward1, Shares, Loss, Gradients, Update1, Update0, Record, End };
constexpr int kClusterBorders = 10;  // an even number: their memory is whole stamps

// First in the parameters of every kernel that belongs to a step.
struct Call {
  const Control* control;
  int offset;    // of the step from control->base
  int training;  // 0: dropout is the identity, and rows' losses of all steps are kept apart
  int launch;    // its place in the step
};

// Of pieces.cu. to: [rows][parts][16 tiles]
struct PiecesParams {
  const void* from;
  unsigned short* to;
  long long rows;
  int width, tiles, parts;
};

// A layer's input: a matrix, or (`values` null) rows gathered from the data, rescaled.
struct Input {
  const float* values;
  int ld, width;
  float scale, offset;
};

// An elementwise layer between two Dense layers.
struct Op {
  OpKind kind;
  ActivationKind activation;
  float scale, offset;  // rescaling; scale is dropout's factor too
  unsigned threshold, stream;
  float* out;  // [rows, ld of its chain]: what it gave
};

constexpr int kMostOps = 4;

// What follows a Dense layer's product: its activation, then layers. All values are kept for the way back.
struct Chain {
  ActivationKind activation;
  int width, ld;
  float* z;  // before the activation, where the way back asks for it (gelu); else null
  float* y;  // after it
  int count;
  Op ops[kMostOps];
};

struct Metric {
  MetricKindOf kind;
  float threshold;
  int k;
};

constexpr int kMostMetrics = 12;

// The loss step, row by row.
struct Loss {
  LossKindOf kind;
  ActivationKind output;
  int outputs, metrics;
  float delta;       // of a Huber loss
  double perOutput;  // 1 / outputs: a division in float64 is a call, which costs registers
  Metric metric[kMostMetrics];
  double* rowLosses;   // [rows]: weight x loss; null: only the predictions are wanted
  double* rowMetrics;  // [rows][metrics]
  float* p;            // predictions [rows, ldp]
  int ldp;
};

struct ForwardParams {
  Call call;
  Input input;
  const float* w;  // [inputs (+ 1: the bias), outputs]
  int ldw, inputs, outputs, bias;
  Chain chain;
};

// dz of the stage before, from dz of this one.
struct GradientParams {
  Call call;
  const float* dz;  // [rows, outputs]
  int lddz;
  const float* w;
  int ldw, inputs, outputs;
  Chain chain;  // of the stage before
  float* dx;    // [rows, ld of the chain]
};

// The last Dense, when it is narrow, with the loss and the gradient before it.
struct HeadParams {
  Call call;
  Input input;
  const float* w;
  int ldw, inputs, outputs, bias;
  Chain chain;
  Loss loss;
  float* dz;     // [rows, ld of the chain]
  Chain before;  // of the stage before
  float* dx;     // [rows, ld of it]; null where there is none
};

// Logits in memory to predictions, loss, metrics and gradient.
struct LossParams {
  Call call;
  const float* z;  // [rows, ldz]
  int ldz;
  Loss loss;
  Chain chain;  // of the last Dense: carried back through where `through`
  int through;
  float* dz;    // [rows, ldz], or null
};

// One layer that no product carries, forward or back.
struct OpParams {
  Call call;
  Op op;
  const float* in;   // what the layer got, on the way back too (gelu)
  const float* out;  // what it gave
  float* to;         // forward: what it gives; back: the gradient, in place
  int ld, width;
  int back;         // 0 or 1
};

struct GatherParams {
  Call call;
  Input input;
  float* to;
  int ld;
};

// One Dense layer's weights. g[i, n] = sum over rows of a[r, i] dz[r, n]; the bias is the weights' last row, of which
// the input is 1.
struct UpdateStage {
  Input input;
  const float* dz;
  int lddz;
  float *w, *slot0, *slot1;  // where the optimiser has no such slot: w
  int ldw, inputs, outputs, bias;
  int firstBlock, tilesAcross;
};

constexpr int kMostStages = 16;

struct OptimizerConstants {
  float decay1, blend1, decay2, blend2, epsilon;
};

// The step's sums: its loss and metrics, from those of the rows.
struct Sums {
  const double* rowLosses;
  const double* rowMetrics;
  int metrics;
};

struct UpdateParams {
  Call call;
  OptimizerConstants optimizer;
  Sums sums;
  int finish;  // whether the last block of the grid makes the step's sums
  int stages;
  UpdateStage stage[kMostStages];
};

// Where a layer's gradients stay in memory, for passes over all of them to follow (whole.cu).
struct HeldStage {
  float* gradient;
  float* sum;  // of several steps' gradients so far; null: each step has an update
  // What l1 |w| + l2 w^2 in the loss adds to a gradient, of the kernel and of the bias.
  float l1, l2, biasL1, biasL2;
};

struct HoldParams {
  UpdateParams update;
  double* squares;    // of each block's gradients, for their norm; null: not wanted
  double* penalties;  // that each block's weights add to the loss; null: none do
  HeldStage held[kMostStages];
};

struct SumsParams {
  Call call;
  Sums sums;
};

// From the blocks' sums: the factor that all gradients are clipped by, and the step's loss with its penalties.
struct SettleParams {
  Call call;
  int count;  // of blocks
  const double* squares;
  double clipNorm;
  float* factor;  // null: nothing is clipped
  const double* penalties;
  Sums sums;
  int finish;  // whether it makes the step's sums
};

// The optimiser on one layer's gradients in memory.
struct ApplyParams {
  Call call;
  OptimizerConstants optimizer;
  const float* factor;  // null: 1
  const float* gradient;
  float *w, *slot0, *slot1;
  int rows, width, ld;
};

// A layer's weights after an update, brought back to a norm: each output's kernel column, and the bias as a whole.
struct ConstrainParams {
  Call call;
  float* w;
  int ld, inputs, outputs;
  double maxNorm, biasMaxNorm;  // 0: no limit
};

struct AdvanceParams {
  Control* control;
  int steps;
};

constexpr int kMostHidden = 3;

// How a product's tiles lie.
struct Tiling {
  int across, all;
};

// Whole steps in one launch of a grid (grid.cu): what the launches of a step would get.
struct GridParams {
  Control* control;  // where it begins and ends
  Control span;      // all else, where reading it costs nothing
  unsigned* arrived;  // of its barrier
  int steps;          // to do at most
  int blocks;         // of the update's launch
  ForwardParams forward[kMostHidden];
  Tiling forwardTiles[kMostHidden];
  GradientParams gradient[kMostHidden - 1];  // of the second layer, the third, …
  Tiling gradientTiles[kMostHidden - 1];
  HeadParams head;
  UpdateParams update;
};
static_assert(sizeof(GridParams) <= 4096, "the most that a launch takes");

// Whole steps of a net of two Dense layers, in one launch of one cluster (cluster.cu).
struct ClusterParams {
  Control* control;  // where it begins and ends
  Control span;      // all else, where reading it costs nothing
  OptimizerConstants optimizer;
  int steps;    // to do at most
  int metrics;  // 0, or 1: categorical accuracy
  float scale;  // of the inputs
  float *w1, *w1Slot0, *w1Slot1, *w2, *w2Slot0, *w2Slot1;  // biases in their last rows
  int ld1, ld2;
};

}  // namespace fusor::cuda
