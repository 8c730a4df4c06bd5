// What to compute, as plain data: the C++ side of TrainPlan, SessionState, Span … in src/backend/contract.ts, where
// every formula stands. Validated in TypeScript; the addon re-checks only what would corrupt memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../kernels/terms.h"
#include "stamps.h"

namespace fusor {

enum class LayerKind { Rescaling, Dense, Activation, Dropout, BatchNormalization };

// What a parameter is held to: a penalty l1 |w| + l2 w^2 in the loss; the norm of what goes into an output, 0: no limit.
struct Restraint {
  double l1 = 0, l2 = 0, maxNorm = 0;

  bool penalises() const { return l1 > 0 || l2 > 0; }
};

struct Layer {
  LayerKind kind;
  int inputs, outputs;
  bool useBias = false;
  Activation activation = Activation::Linear;
  float negativeSlope = 0;  // of a LeakyRelu
  float scale = 1, offset = 0;
  double rate = 0;
  uint32_t stream = 0;
  // Of a batch normalisation: element e of a row is of channel e mod channels.
  int channels = 0;
  double momentum = 0, epsilon = 0;
  bool hasGamma = false, hasBeta = false;
  bool trainable = true;
  Restraint kernel, bias;
  std::string name;

  Nonlinearity nonlinearity() const { return {activation, negativeSlope}; }
};

enum class LossKind { CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy, SquaredError, AbsoluteError, Huber };
enum class MetricKind { CategoricalAccuracy, BinaryAccuracy, TopK, SquaredError, AbsoluteError };

struct Metric {
  MetricKind kind;
  float threshold = 0;
  int k = 0;
};

struct Optimizer {
  UpdateKind kind;
  double decay1 = 0;  // beta1, momentum or rho
  double decay2 = 0;  // beta2
  double epsilon = 0;
  double weightDecay = 0;
  double clipNorm = 0;  // 0: no clipping
  int slots = 0;
  // An update is of so many steps' gradients; above 1 their sums are the last slot.
  int64_t accumulate = 1;
};

struct Plan {
  int features, outputs;
  std::vector<Layer> layers;
  Activation output;
  bool labels;  // targets are class indices, not rows of values
  LossKind loss;
  float delta = 0;  // of a Huber loss
  Optimizer optimizer;
  std::vector<Metric> metrics;
  uint64_t seed;
};

// A layer's parameters in the contract's order, rows x columns: of one row but for kernels.
struct Shape {
  int rows, columns;
  int64_t count() const { return int64_t{rows} * columns; }
};
std::vector<Shape> parametersOf(const Layer& layer);

// Whether something has to know whole gradients before the update: their norm, what weights add to the loss, sums of several steps.
bool holdsGradients(const Plan& plan);
// Whether weights are brought back to a norm after it.
bool limitsNorms(const Plan& plan);

// The constants of step number `step` (from 0) at learning rate `rate`; the bias correction is done in float64.
Update updateOf(const Optimizer& optimizer, double rate, int64_t step);

// Row-major arrays in the order of the plan's parameters; slots[s][p].
struct State {
  int64_t step = 0;
  std::vector<std::vector<float>> weights;
  std::vector<std::vector<std::vector<float>>> slots;
};

// Rows in host memory, owned. Exactly one of bytes/floats and one of labels/values is filled.
struct Dataset {
  int64_t rows = 0;
  std::vector<uint8_t> bytes;
  std::vector<float> floats;
  std::vector<int32_t> labels;
  std::vector<float> values;
  std::vector<float> weights;
  // Whoever keeps a copy on a device knows by it whether the data set is still there.
  std::shared_ptr<const int> life = std::make_shared<const int>(0);
};

struct Span {
  std::vector<uint32_t> order;
  int batchSize;
  int64_t firstStep;
  std::vector<float> learningRates;
};

struct Report {
  int64_t stepsDone = 0;
  bool aborted = false;
  std::vector<float> losses;
  std::vector<std::vector<float>> metrics;  // [metric][step]
  bool finite = true;                       // false where a weight was seen that is not
};

// Sums over rows, in float64.
struct Sums {
  double loss = 0;
  std::vector<double> metrics;
};

// What the outside may do to a running job, and what it hears from it.
struct Control {
  std::atomic<bool> abort{false};
  // Means over the span so far. Called from the session's thread, when wantsProgress() says that the last call has been
  // heard: so at most one is ever under way.
  std::function<void(int64_t stepsDone, double loss, const std::vector<double>& metrics)> progress;
  std::function<bool()> wantsProgress;
  // Filled by a training where it is not null. The trainer opens and closes it.
  Stamps* stamps = nullptr;
};

struct Description {
  std::string kernels, isa;
  int threads;
};

// Runs a plan one way. All calls come from one thread.
class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual Description describe() const = 0;
  // What takes long before the first job, if anything does: then it is done here, once.
  virtual void start() {}
  virtual void run(const Dataset& data, const Span& span, Control& control, Report& report) = 0;
  // Adds to `sums`; returns false when aborted.
  virtual bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) = 0;
  // data has x only; out is [rows, outputs].
  virtual void predict(const Dataset& data, float* out) = 0;
  virtual State read() = 0;
  virtual void write(const State& state) = 0;
};

}  // namespace fusor
