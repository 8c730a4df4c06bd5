// The fused way to train on a CPU: packed weights that stay packed, one team of threads that walks through all steps of
// a span, bias and activation in the product that makes a layer's values, mask in the one that makes its gradient,
// optimiser on the tile that holds a weight's gradient.
//
// Each Dense layer is shared out in one of two ways. *By columns*: a thread owns some panels of the layer and computes
// these columns for all rows, and their gradient too, with which it alone updates the next layer's weights for these
// inputs. *By rows*: for layers too narrow for that, a thread computes some rows of the batch, and rows of the gradient.
// The first layer's weights, and those after a layer by rows, are updated by columns or by inputs. Sums are never split
// between threads, so the result does not depend on how many there are.
#pragma once
#include <memory>
#include <optional>

#include "../floats.h"
#include "loss.h"
#include "pace.h"
#include "../plan.h"
#include "../team.h"

namespace fusor {

// A parameter with the optimiser's slots, all packed.
struct Packed {
  Floats value, slots[3];
  Floats gradient;  // or its sum so far, where it is summed in memory
  // What the kernels get where an optimiser has no such slot: never read.
  float* slot(int i) { return slots[i].size() ? slots[i].data() : value.data(); }
};

// A batch normalisation after a Dense.
struct Normalization {
  Packed gamma, beta, movingMean, movingVariance;
  Floats mean, inverse;  // of the last batch; of the moving averages where nothing is trained
};

// A layer after a Dense.
struct After {
  Layer layer;
  std::optional<Normalization> normalization;

  // Whether it needs all rows of the batch.
  bool takesColumns() const { return normalization && layer.trainable; }
};

struct DenseStage {
  int layer;  // in the plan
  int inputs, outputs, panels;
  long ld;  // stride of everything with this many columns, in floats; at least panels x width, or half of one panel
  bool useBias, trainable;
  Activation activation;
  bool byColumns;
  // One panel after another Dense: its product is the sum of one part for each panel of inputs, whoever computes them.
  bool inParts;
  // Whether what it reads is by its making half zero or more: relu leaves it, or much dropout.
  bool readsZeros;
  Packed kernel, bias;
  // The layers between this Dense and the next, or the end.
  std::vector<After> after;

  // The same of what it gives, and of the gradient that comes back to its product.
  bool leavesZeros() const;
  bool getsZeros() const;
  bool learns() const;
  // Whether its values, forward, come from members that have columns.
  bool endsByColumns() const { return after.empty() ? byColumns && !inParts : after.back().takesColumns(); }
  // Whether a pass of its own has to carry the gradient from this stage's end to before its activation.
  bool backwardPass(bool last) const { return !after.empty() || (last && activation != Activation::Linear); }
};

// A parameter that is trained, for passes over all of them.
struct Whole {
  Packed& parameter;
  const Restraint& restraint;
  int rows, panels;  // of a bias one row
  bool isBias;
};

// What a batch leaves behind on its way forward, for one stage.
struct StageValues {
  Floats y;                   // after the activation [rows, ld]
  Floats z;                   // before it; only for gelu
  std::vector<Floats> after;  // what each layer after it gave
  Floats parts;               // [panels of inputs][rows, ld], of a stage in parts
  Floats dz;                  // gradient; before the activation once the step is through with it

  const float* out() const { return before(after.size()); }
  // What the i-th layer after the Dense reads.
  const float* before(size_t i) const { return (i == 0 ? y : after[i - 1]).data(); }
};

// Buffers for up to `rows` rows.
struct Values {
  int rows = 0;
  std::vector<StageValues> stages;
};

// The three ways through a Dense.
enum class Product { Forward, InputGradient, WeightGradient };

// What of a layer's values a member has made, or all that all have, when they have met since.
enum class Share { All, Rows, Columns };

// Which of the kernels take the first stage's input.
enum class Input { Floats, Sparse, Tiles };

// A member's own: each row of bytes where the data set has it, and memory for the kernels.
struct Source {
  Input input;
  int batchRows;                             // of a whole batch: which kernels a layer gets does not depend on the last one's
  std::vector<const uint8_t*> rows, coming;  // of this step, of the next
  std::vector<double> density;               // share of each stage's input that is not zero; 1 where nobody has looked
  Floats scratch;
  bool bytes = false;                        // whether the first stage's kernels may be those of bytes, by what the data set has
};

// Some gathered rows: what goes in and what should come out.
struct Batch {
  float* x;  // [rows, stride]; not filled where the input is bytes
  long stride;
  std::vector<int32_t> labels;
  std::vector<float> values, weights;

  Targets targets() const { return {labels.empty() ? nullptr : labels.data(), values.empty() ? nullptr : values.data()}; }
  const float* rowWeights() const { return weights.empty() ? nullptr : weights.data(); }
};

// One step, or a block of its rows, as every member of the team sees it.
struct Step {
  int64_t number;  // since training began: the key of dropout
  int first, rows, batchRows;  // the block's first row in the batch, its rows, the batch's
  Batch& batch;
  Source& source;
  Update update;
  bool updates;  // or only adds to the gradients of several steps
  bool summed;   // whether gradients are summed in memory, for a pass of the optimiser's own; else it follows on each tile
  bool ahead;    // whether the first stage's product is made for the step to come, as soon as its weights are new
  bool made;     // and the step before has made it for this one
  Stamps* stamps = nullptr;

  bool ends() const { return first + rows == batchRows; }
};

class FusedTrainer : public Trainer {
 public:
  FusedTrainer(const Plan& plan, const State& state, const Kernels& kernels, int threads);

  Description describe() const override;
  void run(const Dataset& data, const Span& span, Control& control, Report& report) override;
  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) override;
  void predict(const Dataset& data, float* out) override;
  State read() override;
  void write(const State& state) override;

 private:
  friend class FusedSubject;  // of native/bench: measures these functions one by one
  struct Run;                 // what the team shares during a span

  // setup.cc
  Values valuesFor(int rows, bool training) const;
  Batch batchFor(const Dataset& data, int rows, float* x) const;
  Source sourceFor(int rows, int batchRows, Input input, bool training) const;
  int blockRows(int batchSize) const;
  bool goesAhead(int batchSize) const;
  bool byTiles(const DenseStage& stage, Product product, int batchRows) const;
  Input inputOf(const Dataset& data) const;
  Range share(int count, int member) const;
  template <class F>
  void eachParameter(F f);

  // gather.cc. `step` is null where nothing is trained, here and below: no dropout then.
  void point(const Dataset& data, const uint32_t* order, int64_t first, int count, std::vector<const uint8_t*>& rows) const;
  void gather(const Dataset& data, const uint32_t* order, int64_t first, Range rows, bool copies, Batch& batch,
              const Step* step) const;
  bool fitsAhead(const Dataset& data, int rows) const;
  void prefetch(const Dataset& data, const uint32_t* order, Range rows) const;
  void gatherRow(const Dataset& data, int64_t row, int r, float* x, const Step* step) const;

  // forward.cc: what training and evaluation share
  void dropout(const Layer& layer, const Step& step, Range rows, const float* from, float* to, long ld) const;
  const float* stageInput(size_t stage, const Values& values, const Batch& batch) const;
  long stageStride(size_t stage, const Batch& batch) const;
  bool mayLeaveOut(const DenseStage& stage, Product product, int batchRows) const;
  void lookAt(size_t stage, const Values& values, const Batch& batch, Source& source, Range rows) const;
  void forwardDense(size_t stage, Values& values, const Batch& batch, Source& source, Range rows, Range panels) const;
  void forwardBytes(Values& values, Source& source, const std::vector<const uint8_t*>& from, Range rows, Range panels) const;
  void forwardAfter(const DenseStage& stage, StageValues& values, size_t i, Range rows, const Step* step) const;

  // inference.cc. These two: logits of the batch's first `rows` rows, made in one thread, or by the whole team.
  const float* forwardAll(Values& values, const Batch& batch, Source& source, int rows) const;
  const float* forwardTogether(Values& values, const Batch& batch, Source& source, int rows, int me);
  int rowsOfChunk(int64_t rows) const;
  bool sharesColumns(int64_t rows) const;
  // Takes rows [begin, end) of the data through the network, shared out among the team by chunks; `each` is called by
  // several threads at once.
  void chunks(const Dataset& data, int64_t begin, int64_t end, Control* control,
              const std::function<void(const Batch&, Source&, int64_t at, int rows, const float* logits)>& each);
  long logitStride() const { return stages_.empty() ? xStride_ : stages_.back().ld; }

  // trainer.cc: one step, as member `me` of the team.
  Run runFor(const Dataset& data, const Span& span, Control& control, Report& report);
  // False where the span ends before this step: every member reads that at the same place, between two barriers.
  bool oneStep(Run& run, const Dataset& data, const Span& span, int64_t s, int me);
  bool oneBlock(Run& run, const Dataset& data, const Span& span, int64_t s, int first, int me);
  void meet(const Step& step, int me);  // at a barrier
  double barrierMicroseconds();
  bool weightsAreFinite();
  void forward(Run& run, const Step& step, int me);
  void forwardRows(const Step& step, Range rows, int me);
  void forwardAfter(size_t stage, const Step& step, Range rows, int me);
  bool byInputs(size_t stage) const;
  void multiplyParts(size_t stage, Range rows);
  void multiplyParts(size_t stage, Range parts, Range rows);
  void addParts(size_t stage, Range rows);
  void loss(Run& run, const Step& step, Range rows, int me);
  void record(Run& run, const Step& step, double penalty);

  // backward.cc
  void backward(const Step& step, int me);
  void backwardAfter(size_t stage, const Step& step, int me);
  void backwardAfter(const DenseStage& stage, StageValues& values, size_t i, const Step& step, Range rows) const;
  DenseBackward gradientsOf(size_t stage, const Step& step);
  double leaveOutZeros(size_t stage, DenseBackward& gradients, const Step& step) const;
  template <class F>
  void update(DenseStage& stage, const DenseBackward& gradients, const Step& step, F multiply) const;
  void multiplyBack(DenseStage& stage, const DenseBackward& gradients, const Step& step) const;
  double backwardDense(size_t stage, DenseBackward gradients, const Step& step, int me);
  void backwardBytes(const DenseBackward& gradients, const Step& step, int me);

  // normalization.cc
  void restNormalizations();
  NormalizedColumns columnsOf(const DenseStage& stage, size_t i, const StageValues& values, float* y, Range rows, int panel) const;
  void normalize(DenseStage& stage, StageValues& values, size_t i, Range rows, Range panels);
  void normalizeBackward(DenseStage& stage, StageValues& values, size_t i, const Step& step, Range panels);

  // whole.cc: passes over whole gradients and weights
  void listWholes();
  template <class F>
  void eachChunk(Range chunks, F f) const;
  void settle(Run& run, const Step& step, int me);
  void constrain(int me) const;
  double penalty() const;

  const Plan plan_;
  const Kernels& kernels_;
  Team team_;
  Pace pace_;
  std::vector<Layer> before_;  // the layers before the first Dense: no gradient goes there
  std::vector<DenseStage> stages_;
  std::vector<Whole> wholes_;
  std::vector<WholeSums> sums_;  // of each of their chunks
  bool needsAll_ = false;        // whether something has to know all gradients before the optimiser follows
  size_t lowest_;  // the first of them that is trained: gradients go no further down
  long xStride_;
  int64_t productsOfRow_ = 0;  // forward
  bool normalizes_ = false;  // whether there is a layer that needs all rows of a batch
  bool byRows_;      // whether members share out rows alone, no columns: then one needs nothing of the others' on its way forward
  // Whether the first stage may take bytes as they are: many, and nothing but a rescaling that leaves zero at zero before it.
  bool takesBytes_ = false;
  float table_[256];  // the float32 of each byte, then
  std::atomic<Input> input_{Input::Floats};  // of the last span
  int64_t step_ = 0;
  int64_t unseen_ = 0;  // steps since somebody looked whether the weights are finite
  std::optional<Values> training_;
  Floats x_[2];  // of the two batches that are under way
  std::vector<Values> chunkValues_;  // one a member
};

}  // namespace fusor
