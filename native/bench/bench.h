// Operations of a Dense layer, measured side by side: our fused trainer's own functions on its own team, ATen, oneDNN.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../engine/plan.h"

namespace fusor::bench {

enum class Op {
  Forward,          // y = relu(x w + b)
  ForwardBackward,  // and from dy: dx, and dw, db, stored or, by fused kernels, added with a rate of 0
  InputGradient,    // dx = (dz w^T) where x > 0: the mask of a relu layer before this one
  WeightUpdate,     // w, b from x, dz by Adam
  SparseForward,    // Forward and WeightUpdate on mostly-zero bytes
  SparseUpdate,
  SoftmaxCrossentropy,  // loss and gradient of [batch, units] logits and labels
  Gather,               // [batch, inputs] bytes of random rows to float32, rescaled
  OptimizerStep,        // Adam on [inputs, units] weights
};

struct Case {
  Op op;
  int batch, inputs, units;
  int threads;
  double density;  // share of x that is not 0
};

// What an operation starts from, row-major, the same for all variants. Random, and never zero but where x is to be.
struct Data {
  std::vector<float> x;   // [batch, inputs]
  std::vector<float> w;   // [inputs, units]
  std::vector<float> b;   // [units]
  std::vector<float> dy;  // [batch, units]: gradient with respect to y, or logits
  std::vector<uint8_t> bytes;    // [rows, inputs]; x is its first rows x kByteScale, for the sparse forms
  std::vector<uint32_t> order;   // [batch] rows
  std::vector<int32_t> labels;   // [batch]
};
inline constexpr float kByteScale = 1.0f / 255;
inline constexpr double kRate = 1e-3;  // Adam's
inline Optimizer adamOptimizer() {
  Optimizer optimizer{};
  optimizer.kind = UpdateKind::Adam, optimizer.decay1 = 0.9, optimizer.decay2 = 0.999, optimizer.epsilon = 1e-7;
  optimizer.slots = 2;
  return optimizer;
}

Data dataFor(const Case& c);

// What one call gave, row-major; empty where the operation has no such result.
struct Results {
  std::vector<float> y, dx, dw, db;
};

// One way to do it.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void run(int calls) = 0;
  // Of the last call.
  virtual Results results() = 0;
  // The share of the last call's products that was computed: where zeros are left out, not all of them.
  virtual double computed() const { return 1; }
};

// Every variant takes `c` and `data` by reference for its life. `check`: gradients are stored, not handed to the optimiser.
// Null where this machine, or this libtorch, lacks it.
std::unique_ptr<Subject> fusedSubject(const Case& c, const Data& data, const std::string& isa, bool check);
std::unique_ptr<Subject> atenSubject(const Case& c, const Data& data, bool oneDnn, bool check);
// "fused" (our best), "fused-avx512", …, "aten", "onednn".
std::unique_ptr<Subject> subjectFor(const std::string& variant, const Case& c, const Data& data, bool check);

// The error against float64, of a sample of each result: |got - wanted| in units of 2^-24 of the sum of the magnitudes of
// the terms. An honest float32 sum of k terms, in any order, keeps to max(8, sqrt k).
struct Error {
  double worst = 0, allowed = 0;  // of the result that comes nearest to what it is allowed
};
Error errorOf(const Case& c, const Data& data, const Results& results);

struct Measured {
  std::string variant;
  bool available = false;
  Error error;
  double computed = 1;          // see Subject
  std::vector<double> seconds;  // a call, one a repetition
};

// A repetition is one sample of each variant, in turns, of as many calls as take a few milliseconds.
struct Repetitions {
  int warmup;  // samples that are thrown away, before the others
  int most;
  double seconds;  // when they have taken so long, kFewest are enough; 0: never
};
constexpr int kFewest = 5;

// In a thread of its own.
std::vector<Measured> measure(const Case& c, const std::vector<std::string>& variants, const Repetitions& repetitions);

}  // namespace fusor::bench
