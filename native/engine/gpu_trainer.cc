#include "gpu_trainer.h"

#include "../cuda/driver.h"
#include "../failure.h"

namespace fusor {
namespace {

class GpuTrainer : public Trainer {
 public:
  GpuTrainer(const Plan& plan, MakeTrainer make, std::function<bool(size_t)> fits)
      : plan_(plan), make_(std::move(make)), fits_(std::move(fits)) {}

  void start() override { here(); }
  // From JavaScript's thread: what start() left.
  Description describe() const override { return trainer_ ? trainer_->describe() : Description{"", "", 0}; }

  void run(const Dataset& data, const Span& span, Control& control, Report& report) override {
    advised(span.batchSize, [&] { here().run(data, span, control, report); });
  }
  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) override {
    return advised(batchSize, [&] { return here().evaluate(data, begin, end, batchSize, control, sums); });
  }
  void predict(const Dataset& data, float* out) override { here().predict(data, out); }
  State read() override { return here().read(); }
  void write(const State& state) override { here().write(state); }

 private:
  Trainer& here() {
    if (!trainer_) trainer_ = make_();
    return *trainer_;
  }

  // Names a batch size that fits, found by trying, where lack of memory is the batch's fault.
  template <class F>
  auto advised(int batchSize, F f) -> decltype(f()) {
    try {
      return f();
    } catch (const Failure& failure) {
      if (failure.code() != "ERR_OUT_OF_MEMORY" || !std::string(failure.what()).ends_with(kSmallerBatch)) throw;
      int64_t rows = batchSize / 2;
      while (rows > 0 && !fits_(batchBytes(plan_, rows))) rows /= 2;
      if (rows == 0) throw;
      throw withMend(failure, "use a batch of " + std::to_string(rows) + ", which fits, or free memory of the GPU");
    }
  }

  const Plan plan_;
  const MakeTrainer make_;
  const std::function<bool(size_t)> fits_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace

std::unique_ptr<Trainer> makeGpuTrainer(const Plan& plan, MakeTrainer make, std::function<bool(size_t)> fits) {
  return std::make_unique<GpuTrainer>(plan, std::move(make), std::move(fits));
}

size_t batchBytes(const Plan& plan, int64_t rows) {
  int64_t floats = plan.features + int64_t{3} * plan.outputs;
  for (const Layer& layer : plan.layers) floats += int64_t{3} * layer.outputs;
  return sizeof(float) * static_cast<size_t>(rows) * static_cast<size_t>(floats);
}

}  // namespace fusor
