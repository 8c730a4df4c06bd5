#include "trainer.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "../../cuda/driver.h"
#include "../../kernels/cpu/kernels.h"
#include "../../kernels/cpu/philox.h"
#include "ahead.h"
#include "arrival.h"
#include "event_stamps.h"
#include "data.h"
#include "ops.h"
#include "op_stamps.h"
#include "torch_place.h"

namespace fusor {
namespace {

using at::Tensor;
using framework::Batch;
using framework::Rows;
using framework::wrap;

// A layer's way forward, for its way back.
struct Pass {
  Tensor x, w, z, y, factors;  // x and w: as the product took them
};

// Steps [begin, end) that were asked for, and where their sums come.
struct Asked {
  int64_t begin, end;
  Arrival* arrival;
};

// Sets a pointer, and clears it again whatever happens.
struct Listening {
  Stamps*& slot;
  Listening(Stamps*& to, Stamps* stamps) : slot(to) { slot = stamps; }
  ~Listening() { slot = nullptr; }
};

class FrameworkTrainer : public Trainer {
 public:
  FrameworkTrainer(const Plan& plan, const State& state, int threads, std::shared_ptr<TorchPlace> torch, Precision precision)
      : plan_(plan), threads_(threads), torch_(std::move(torch)), data_(plan_, torch_), precision_(precision),
        arrivals_{Arrival(torch_), Arrival(torch_)} {
    write(state);
  }

  ~FrameworkTrainer() override {
    // What lies on a device that is lost is not given back to it.
    if (torch_ && cuda::isLost(torch_->index())) {
      new auto(std::tuple(std::move(weights_), std::move(slots_), std::move(trained_), std::move(data_)));
    }
  }

  Description describe() const override {
    if (torch_) return {"framework", torch_->architecture(), 1};
    return {"framework", at::get_cpu_capability(), threads_};
  }

  void run(const Dataset& data, const Span& span, Control& control, Report& report) override {
    entered([&] {
      const Rows& rows = data_.on(data);
      const auto steps = static_cast<int64_t>(span.learningRates.size()), total = static_cast<int64_t>(span.order.size());
      const Tensor order = at::from_blob(const_cast<uint32_t*>(span.order.data()), {total}, at::kInt).to(device());
      report.metrics.resize(plan_.metrics.size());
      Sums sums{0, std::vector<double>(plan_.metrics.size())};
      const Listening listening(stamps_, control.stamps);
      std::optional<OpStamps> ops;
      std::optional<EventStamps> device;
      if (stamps_) openStamps(steps, device);
      bool finite = true;
      int64_t asked = 0;  // steps
      const auto goesOn = [&] { return asked < steps && finite && !control.abort.load(std::memory_order_relaxed); };
      const auto ask = [&]() -> Asked {
        const int64_t begin = asked, end = std::min(steps, begin + stride());
        std::vector<Tensor> results;
        for (int64_t s = begin; s < end; ++s) {
          const int64_t first = s * span.batchSize, last = std::min<int64_t>(first + span.batchSize, total);
          if (stamps_) {
            stamps_->tracks[0].step = static_cast<int32_t>(s);
            if (device) device->step(s);
            if (device ? EventStamps::hearsOperations(s) : s % kOpsEvery == 0) {
              ops.emplace(*stamps_);
            } else {
              ops.reset();
            }
          }
          results.push_back(trainStep(gather(rows, order.slice(0, first, last)), span.firstStep + s, span.learningRates[s]));
        }
        asked = end;
        if (device) ops.reset();
        Arrival& arrival = arrivals_[other_ ^= 1];
        const Timed timed(stamps_, 0, torch_ ? Phase::Copy : Phase::Record);
        arrival.send(at::stack(results));
        return {begin, end, &arrival};
      };
      const auto look = [&](const Asked& of) {
        const double* const read = of.arrival->wait();
        ahead_.done(of.end - of.begin);
        ahead_.begin();
        const auto width = static_cast<int64_t>(1 + plan_.metrics.size());
        int64_t s = of.begin;
        for (; s < of.end && finite; ++s) {
          const auto count = static_cast<double>(std::min<int64_t>(span.batchSize, total - s * span.batchSize));
          finite = record(read + (s - of.begin) * width, count, sums, report);
        }
        // Steps after one whose loss is not finite mean nothing, and do not count.
        step_ -= of.end - s;
        if (s == of.begin || !control.progress || !control.wantsProgress()) return;
        const auto done = static_cast<double>(std::min<int64_t>(report.stepsDone * span.batchSize, total));
        std::vector<double> means(sums.metrics);
        for (double& mean : means) mean /= done;
        control.progress(report.stepsDone, sums.loss / done, means);
      };
      std::optional<Asked> last;  // not looked at yet
      for (bool more = goesOn(); more || last; more = goesOn()) {
        if (!last) ahead_.begin();
        std::optional<Asked> next;
        if (more) next = ask();
        // A device does the next steps while the host looks at the last ones'.
        if (!torch_) {
          look(*next);
          continue;
        }
        if (last) look(*last);
        last = next;
      }
      ops.reset();
      if (stamps_) {
        stamps_->close([&] {
          if (device) device->collect();
          return smallestOpMicroseconds(this->device());
        });
      }
      report.aborted = report.stepsDone < steps;
    });
  }

  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) override {
    return entered([&] {
      const Rows& rows = data_.on(data);
      Tensor total = at::zeros({1 + static_cast<int64_t>(plan_.metrics.size())}, at::TensorOptions().device(device()).dtype(at::kDouble));
      for (int64_t at = begin; at < end;) {
        if (control.abort.load(std::memory_order_relaxed)) return false;
        ahead_.begin();
        const int64_t batches = stride();
        for (int64_t i = 0; i < batches && at < end; ++i, at += batchSize) {
          const Batch batch = data_.slice(rows, at, std::min<int64_t>(at + batchSize, end));
          std::vector<Pass> passes;
          total += sumsOf(results(framework::outcomeOf(plan_, forward(batch.x, nullptr, passes)), batch));
        }
        if (torch_) torch_->synchronize();
        ahead_.done(batches);
      }
      const Tensor penalty = penaltyOf();
      if (penalty.defined()) total[0].add_(penalty * (end - begin));
      const Tensor read = total.cpu();
      const double* values = read.data_ptr<double>();
      sums.loss += values[0];
      for (size_t m = 0; m < sums.metrics.size(); ++m) sums.metrics[m] += values[1 + m];
      return true;
    });
  }

  void predict(const Dataset& data, float* out) override {
    entered([&] {
      constexpr int64_t kRows = 4096;
      const Tensor x = data_.onHost(data);
      for (int64_t at = 0; at < data.rows; at += kRows) {
        const int64_t end = std::min(at + kRows, data.rows);
        std::vector<Pass> passes;
        const Tensor p = framework::activate(plan_.output, forward(x.slice(0, at, end).to(device()), nullptr, passes));
        at::from_blob(out + at * plan_.outputs, p.sizes(), at::kFloat).copy_(p);
      }
    });
  }

  State read() override {
    return entered([&] {
      State state;
      state.step = step_;
      for (const Tensor& w : weights_) state.weights.push_back(copyOut(w));
      for (const auto& slot : slots_) {
        state.slots.emplace_back();
        for (const Tensor& s : slot) state.slots.back().push_back(copyOut(s));
      }
      return state;
    });
  }

  void write(const State& state) override {
    entered([&] {
      step_ = state.step;
      const auto tensors = [&](const std::vector<std::vector<float>>& arrays) {
        std::vector<Tensor> list;
        for (const Layer& layer : plan_.layers) {
          if (layer.kind != LayerKind::Dense) continue;
          const Tensor kernel = wrap(arrays[list.size()], {layer.inputs, layer.outputs}, at::kFloat);
          list.push_back(kernel.t().clone(at::MemoryFormat::Contiguous).to(device()));
          if (layer.useBias) list.push_back(wrap(arrays[list.size()], {layer.outputs}, at::kFloat).clone().to(device()));
        }
        return list;
      };
      weights_ = tensors(state.weights);
      slots_.clear();
      for (const auto& slot : state.slots) slots_.push_back(tensors(slot));
      takeTrained();
    });
  }

 private:
  // Every way in.
  template <class F>
  auto entered(F f) -> decltype(f()) {
    const c10::InferenceMode guard;
    at::set_num_threads(threads_);
    if (!torch_) return f();
    cuda::refuseIfLost(torch_->index());
    // One for the process: sessions of unlike precision are not to run at the same time.
    at::globalContext().setAllowTF32CuBLAS(precision_ == Precision::Tf32);
    return torch_->contained(f);
  }

  at::Device device() const { return data_.device(); }
  int64_t stride() const { return torch_ ? ahead_.steps() : 1; }

  // Takes all memory for what is to be stamped. Some forty operations a layer, dropout on a device some 160; what finds no room is
  // counted.
  void openStamps(int64_t steps, std::optional<EventStamps>& device) {
    const size_t layers = plan_.layers.size();
    if (!torch_) {
      stamps_->open({"session"}, steps * (8 + 3 * layers) + (steps / kOpsEvery + 1) * (60 + 40 * layers));
      return;
    }
    if (!events_) events_ = std::make_unique<Events>(torch_);
    device.emplace(*stamps_, *events_, steps * (8 + 3 * layers) + (steps / kOpsOnDeviceEvery + 1) * (60 + 200 * layers));
  }

  // Takes down a step's sums: the loss, then the metrics. Whether its loss is finite.
  bool record(const double* values, double rows, Sums& sums, Report& report) const {
    report.losses.push_back(static_cast<float>(values[0] / rows));
    sums.loss += values[0];
    for (size_t m = 0; m < plan_.metrics.size(); ++m) {
      report.metrics[m].push_back(static_cast<float>(values[1 + m] / rows));
      sums.metrics[m] += values[1 + m];
    }
    ++report.stepsDone;
    return std::isfinite(report.losses.back());
  }

  Batch gather(const Rows& rows, const Tensor& order) const {
    const Timed timed(stamps_, 0, Phase::Gather);
    return data_.gather(rows, order);
  }

  // As a product takes it.
  Tensor operand(const Tensor& x) const { return precision_ == Precision::Bf16 ? x.to(at::kBFloat16) : x.to(at::kFloat); }

  // Kernels are kept [outputs, inputs], as torch has them; the contract's are [inputs, outputs].
  static std::vector<float> copyOut(const Tensor& tensor) {
    const Tensor plain = (tensor.dim() == 2 ? tensor.t() : tensor).cpu().contiguous();
    const float* data = plain.data_ptr<float>();
    return {data, data + plain.numel()};
  }

  // Logits. `step` is null where nothing is trained.
  Tensor forward(Tensor x, const int64_t* step, std::vector<Pass>& passes) {
    size_t parameter = 0;
    for (const Layer& layer : plan_.layers) {
      const Timed timed(stamps_, 0, Phase::Forward, indexOf(layer));
      Pass pass;
      pass.x = x;
      switch (layer.kind) {
        case LayerKind::Rescaling:
          pass.y = x.mul(layer.scale);  // float32, also of bytes
          if (layer.offset != 0) pass.y.add_(layer.offset);
          break;
        case LayerKind::Dense: {
          pass.x = operand(x);
          pass.w = operand(weights_[parameter++]);
          const Tensor b = layer.useBias ? operand(weights_[parameter++]) : Tensor();
          pass.y = framework::dense(pass.x, pass.w, b, layer.activation, layer.activation == Activation::Gelu ? &pass.z : nullptr);
          break;
        }
        case LayerKind::Activation:
          pass.z = x.is_floating_point() ? x : x.to(at::kFloat);
          pass.y = framework::activate(layer.activation, pass.z);
          break;
        case LayerKind::Dropout:
          pass.y = x.is_floating_point() ? x : x.to(at::kFloat);
          if (step) {
            pass.factors = dropoutFactors(layer, *step, x.size(0));
            pass.y = at::where(pass.factors == 0, at::zeros({}, pass.factors.options()), x * pass.factors);
          }
          break;
      }
      x = pass.y;
      passes.push_back(std::move(pass));
    }
    return x.to(at::kFloat);
  }

  int indexOf(const Layer& layer) const { return static_cast<int>(&layer - plan_.layers.data()); }

  Tensor dropoutFactors(const Layer& layer, int64_t step, int64_t rows) const {
    if (torch_) return framework::dropoutFactors(plan_, layer, step, rows, device());
    Tensor factors = at::ones({rows, layer.outputs}, at::kFloat);
    float* out = factors.data_ptr<float>();
    bestKernels()->dropout(Dropout(plan_.seed, layer.stream, step, layer.rate), 0, out, out, factors.numel());
    return factors;
  }

  // The sums of its loss and metrics [1 + metrics].
  Tensor trainStep(const Batch& batch, int64_t number, double rate) {
    std::vector<Pass> passes;
    const Tensor z = forward(batch.x, &number, passes);
    std::vector<Tensor> ofRows;
    framework::Gradient last;
    {
      const Timed timed(stamps_, 0, Phase::Loss);
      const framework::Outcome outcome = framework::outcomeOf(plan_, z);
      ofRows = results(outcome, batch);
      last = framework::lossGradient(plan_, outcome, batch.targets, batch.weights);
    }
    std::vector<Tensor> gradients = backward(std::move(last), passes);
    Tensor penalty;
    {
      const Timed timed(stamps_, 0, Phase::Update);
      penalty = penaltyOf();
      auto& [weights, slots, restraints] = trained_;
      for (size_t i = 0; i < gradients.size(); ++i) framework::regularize(restraints[i], weights[i], gradients[i]);
      // No list of libtorch's may be empty.
      if (!weights.empty() && accumulated(gradients)) {
        if (plan_.optimizer.clipNorm > 0) framework::clip(gradients, plan_.optimizer.clipNorm);
        framework::update(plan_.optimizer, rate, step_ / plan_.optimizer.accumulate, weights, gradients, slots);
      }
      for (size_t i = 0; i < weights.size(); ++i) framework::constrain(restraints[i], weights[i]);
    }
    ++step_;
    const Timed timed(stamps_, 0, Phase::Record);
    Tensor sums = sumsOf(ofRows);
    if (penalty.defined()) sums[0].add_(penalty * batch.rows);
    return sums;
  }

  void takeTrained() {
    trained_ = {};
    trained_.slots.resize(slots_.size());
    size_t p = 0;
    const auto take = [&](const Layer& layer, const Restraint& restraint) {
      if (layer.trainable) {
        trained_.weights.push_back(weights_[p]);
        for (size_t s = 0; s < slots_.size(); ++s) trained_.slots[s].push_back(slots_[s][p]);
        trained_.restraints.push_back(restraint);
      }
      ++p;
    };
    for (const Layer& layer : plan_.layers) {
      if (layer.kind != LayerKind::Dense) continue;
      take(layer, layer.kernel);
      if (layer.useBias) take(layer, layer.bias);
    }
  }

  // One for each parameter that is trained, from that of the logits.
  std::vector<Tensor> backward(framework::Gradient logits, const std::vector<Pass>& passes) const {
    auto [d, scale] = std::move(logits);
    std::vector<Tensor> gradients(trained_.weights.size());
    size_t left = gradients.size();
    for (size_t l = plan_.layers.size(); l-- > 0 && left > 0;) {
      const Layer& layer = plan_.layers[l];
      const Pass& pass = passes[l];
      const Timed timed(stamps_, 0, Phase::Backward, static_cast<int>(l));
      switch (layer.kind) {
        case LayerKind::Rescaling:
          d = d.mul(layer.scale);
          break;
        case LayerKind::Dense: {
          d = framework::activateBackward(layer.activation, pass.y, pass.z, d.to(pass.y.scalar_type()));
          if (layer.trainable && layer.useBias) {
            gradients[--left] = d.sum(0, false, at::kFloat);
            if (scale != 1) gradients[left].mul_(scale);
          }
          if (layer.trainable) gradients[--left] = framework::product(d.t(), pass.x, scale).to(at::kFloat);
          if (left > 0) d = framework::product(d, pass.w, scale);
          scale = 1;
          break;
        }
        case LayerKind::Activation:
          d = framework::activateBackward(layer.activation, pass.y, pass.z, d.to(pass.y.scalar_type()));
          break;
        case LayerKind::Dropout:
          d = at::where(pass.factors == 0, at::zeros({}, d.options()), d * pass.factors);
          break;
      }
    }
    return gradients;
  }

  // What the regularizers add to the loss; undefined where there are none.
  Tensor penaltyOf() const {
    Tensor sum;
    const auto& [weights, _, restraints] = trained_;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (restraints[i].l1 == 0 && restraints[i].l2 == 0) continue;
      const Tensor own = framework::penalty(restraints[i], weights[i]);
      sum = sum.defined() ? sum + own : own;
    }
    return sum;
  }

  // Whether this step updates: then the gradients are the means of those since the last that did.
  bool accumulated(std::vector<Tensor>& gradients) {
    const int64_t every = plan_.optimizer.accumulate;
    if (every == 1) return true;
    std::vector<Tensor>& sums = trained_.slots.back();
    at::_foreach_add_(sums, gradients);
    if ((step_ + 1) % every != 0) return false;
    gradients = at::_foreach_div(sums, static_cast<double>(every));
    at::_foreach_zero_(sums);
    return true;
  }

  // The loss of each row, and each metric.
  std::vector<Tensor> results(const framework::Outcome& outcome, const Batch& batch) const {
    std::vector<Tensor> all = {framework::losses(plan_, outcome, batch.targets, batch.weights)};
    for (const Metric& metric : plan_.metrics) all.push_back(framework::metric(plan_, metric, outcome, batch.targets));
    return all;
  }

  static Tensor sumsOf(const std::vector<Tensor>& ofRows) {
    std::vector<Tensor> sums;
    for (const Tensor& rows : ofRows) sums.push_back(rows.sum(at::kDouble));
    return at::stack(sums);
  }

  const Plan plan_;
  const int threads_;
  const std::shared_ptr<TorchPlace> torch_;
  framework::Data data_;
  const Precision precision_;
  Ahead ahead_;
  Arrival arrivals_[2];  // of the steps at hand, and of those before
  int other_ = 0;
  Stamps* stamps_ = nullptr;  // while a training is profiled
  std::unique_ptr<Events> events_;
  int64_t step_ = 0;
  std::vector<Tensor> weights_;
  std::vector<std::vector<Tensor>> slots_;
  // Those of them, as the same memory, that steps change.
  struct Trained {
    std::vector<Tensor> weights;
    std::vector<std::vector<Tensor>> slots;
    std::vector<Restraint> restraints;
  };
  Trained trained_;
};

}  // namespace

std::unique_ptr<Trainer> makeFrameworkTrainer(const Plan& plan, const State& state, int threads, std::shared_ptr<TorchPlace> torch,
                                              Precision precision) {
  return std::make_unique<FrameworkTrainer>(plan, state, threads, std::move(torch), precision);
}

}  // namespace fusor
