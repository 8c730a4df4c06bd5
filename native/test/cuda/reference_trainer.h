// The contract in float64, one row and one layer at a time: what the fused CUDA trainer is held against.
#pragma once
#include "engine/plan.h"

namespace fusor::test {

class ReferenceTrainer : public Trainer {
 public:
  ReferenceTrainer(const Plan& plan, const State& state);

  Description describe() const override { return {"reference", "float64", 1}; }
  void run(const Dataset& data, const Span& span, Control& control, fusor::Report& report) override;
  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, fusor::Sums& sums) override;
  void predict(const Dataset& data, float* out) override;
  State read() override;
  void write(const State& state) override;

 private:
  using Matrix = std::vector<std::vector<double>>;
  struct Pass;
  Pass forward(const Dataset& data, const std::vector<int64_t>& rows, int64_t step, bool training) const;
  double lossOfRow(const Dataset& data, int64_t row, const std::vector<double>& z, std::vector<double>& p, std::vector<double>* d,
                   double rows) const;
  void metricsOfRow(const Dataset& data, int64_t row, const std::vector<double>& p, double* out) const;
  // f(weights, layer's restraint of them, columns, whether it is a bias, whether it is trained) of each parameter.
  template <class F>
  void eachParameter(F f) const;
  double penalty() const;
  void apply(std::vector<std::vector<double>> gradients, double rate);

  Plan plan_;
  int64_t step_ = 0;
  std::vector<std::vector<double>> weights_;
  std::vector<std::vector<std::vector<double>>> slots_;
};

}  // namespace fusor::test
