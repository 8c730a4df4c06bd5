#include "framework_trainer.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "../kernels/cpu/philox.h"
#include "framework_ops.h"
#include "loss.h"
#include "op_stamps.h"

namespace fusor {
namespace {

using at::Tensor;

// A layer's way forward, for its way back.
struct Pass {
  Tensor x, z, y, factors;
};

struct Batch {
  Tensor x, targets, weights;
  int64_t rows;
};

// The data set as tensors, without a copy: the Dataset outlives the call.
template <class T>
Tensor wrap(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type) {
  if (values.empty()) return {};
  return at::from_blob(const_cast<T*>(values.data()), shape, type);
}

// Sets a pointer, and clears it again whatever happens.
struct Listening {
  Stamps*& slot;
  Listening(Stamps*& to, Stamps* stamps) : slot(to) { slot = stamps; }
  ~Listening() { slot = nullptr; }
};

class FrameworkTrainer : public Trainer {
 public:
  FrameworkTrainer(const Plan& plan, const State& state, int threads) : plan_(plan), threads_(threads) { write(state); }

  Description describe() const override { return {"framework", at::get_cpu_capability(), threads_}; }

  void run(const Dataset& data, const Span& span, Control& control, Report& report) override {
    const c10::InferenceMode guard;
    at::set_num_threads(threads_);
    const auto steps = static_cast<int64_t>(span.learningRates.size()), total = static_cast<int64_t>(span.order.size());
    const Tensor order = at::from_blob(const_cast<uint32_t*>(span.order.data()), {total}, at::kInt);
    report.metrics.resize(plan_.metrics.size());
    Sums sums{0, std::vector<double>(plan_.metrics.size())};
    int64_t rowsDone = 0;
    const Listening listening(stamps_, control.stamps);
    std::optional<OpStamps> ops;
    if (stamps_) {
      // Some forty operations a layer; what finds no room is counted.
      const size_t layers = plan_.layers.size();
      stamps_->open({"session"}, steps * (8 + 3 * layers) + (steps / kOpsEvery + 1) * (60 + 40 * layers));
    }
    for (int64_t s = 0; s < steps; ++s) {
      const bool diverged = !report.losses.empty() && !std::isfinite(report.losses.back());
      if (diverged || control.abort.load(std::memory_order_relaxed)) break;
      const int64_t first = s * span.batchSize, rows = std::min<int64_t>(span.batchSize, total - first);
      if (stamps_) {
        stamps_->tracks[0].step = static_cast<int32_t>(s);
        if (s % kOpsEvery == 0) {
          ops.emplace(*stamps_);
        } else {
          ops.reset();
        }
      }
      const Batch batch = gather(data, order, first, first + rows);
      const Sums step = trainStep(batch, span.firstStep + s, span.learningRates[s]);
      report.losses.push_back(static_cast<float>(step.loss / static_cast<double>(rows)));
      sums.loss += step.loss;
      for (size_t m = 0; m < step.metrics.size(); ++m) {
        report.metrics[m].push_back(static_cast<float>(step.metrics[m] / static_cast<double>(rows)));
        sums.metrics[m] += step.metrics[m];
      }
      rowsDone += rows;
      ++report.stepsDone;
      if (!control.progress || !control.wantsProgress()) continue;
      std::vector<double> means(sums.metrics);
      for (double& mean : means) mean /= static_cast<double>(rowsDone);
      control.progress(report.stepsDone, sums.loss / static_cast<double>(rowsDone), means);
    }
    ops.reset();
    if (stamps_) stamps_->close(smallestOpMicroseconds);
    report.aborted = report.stepsDone < steps;
  }

  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) override {
    const c10::InferenceMode guard;
    at::set_num_threads(threads_);
    for (int64_t at = begin; at < end; at += batchSize) {
      if (control.abort.load(std::memory_order_relaxed)) return false;
      const Batch batch = gather(data, at::arange(at, std::min<int64_t>(at + batchSize, end), at::kInt));
      std::vector<Pass> passes;
      const Tensor z = forward(batch.x, nullptr, passes), p = framework::activate(plan_.output, z);
      add(framework::loss(plan_, z, p, batch.targets, batch.weights, false).rows, p, batch, sums);
    }
    return true;
  }

  void predict(const Dataset& data, float* out) override {
    const c10::InferenceMode guard;
    at::set_num_threads(threads_);
    constexpr int64_t kRows = 4096;
    for (int64_t at = 0; at < data.rows; at += kRows) {
      const int64_t end = std::min(at + kRows, data.rows);
      std::vector<Pass> passes;
      const Batch batch = gather(data, at::arange(at, end, at::kInt));
      const Tensor p = framework::activate(plan_.output, forward(batch.x, nullptr, passes));
      at::from_blob(out + at * plan_.outputs, p.sizes(), at::kFloat).copy_(p);
    }
  }

  State read() override {
    const c10::InferenceMode guard;
    State state;
    state.step = step_;
    for (const Tensor& w : weights_) state.weights.push_back(copyOut(w));
    for (const auto& slot : slots_) {
      state.slots.emplace_back();
      for (const Tensor& s : slot) state.slots.back().push_back(copyOut(s));
    }
    return state;
  }

  void write(const State& state) override {
    const c10::InferenceMode guard;
    step_ = state.step;
    const auto tensors = [&](const std::vector<std::vector<float>>& arrays) {
      std::vector<Tensor> list;
      for (const Layer& layer : plan_.layers) {
        if (layer.kind != LayerKind::Dense) continue;
        const Tensor kernel = wrap(arrays[list.size()], {layer.inputs, layer.outputs}, at::kFloat);
        list.push_back(kernel.t().clone(at::MemoryFormat::Contiguous));
        if (layer.useBias) list.push_back(wrap(arrays[list.size()], {layer.outputs}, at::kFloat).clone());
      }
      return list;
    };
    weights_ = tensors(state.weights);
    slots_.clear();
    for (const auto& slot : state.slots) slots_.push_back(tensors(slot));
  }

 private:
  // Kernels are kept [outputs, inputs], as torch has them; the contract's are [inputs, outputs].
  static std::vector<float> copyOut(const Tensor& tensor) {
    const Tensor plain = (tensor.dim() == 2 ? tensor.t() : tensor).contiguous();
    const float* data = plain.data_ptr<float>();
    return {data, data + plain.numel()};
  }

  Batch gather(const Dataset& data, const Tensor& order, int64_t begin, int64_t end) const {
    const Timed timed(stamps_, 0, Phase::Gather);
    return gather(data, order.slice(0, begin, end));
  }

  Batch gather(const Dataset& data, const Tensor& order) const {
    Batch batch;
    batch.rows = order.size(0);
    batch.x = (data.bytes.empty() ? wrap(data.floats, {data.rows, plan_.features}, at::kFloat)
                                  : wrap(data.bytes, {data.rows, plan_.features}, at::kByte))
                  .index_select(0, order)
                  .to(at::kFloat);
    const auto select = [&](const Tensor& all) { return all.defined() ? all.index_select(0, order) : all; };
    batch.targets = plan_.labels ? select(wrap(data.labels, {data.rows}, at::kInt))
                                 : select(wrap(data.values, {data.rows, plan_.outputs}, at::kFloat));
    if (plan_.labels && batch.targets.defined()) batch.targets = batch.targets.to(at::kLong);
    batch.weights = select(wrap(data.weights, {data.rows}, at::kFloat));
    return batch;
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
          pass.y = x.mul(layer.scale).add_(layer.offset);
          break;
        case LayerKind::Dense: {
          const Tensor& w = weights_[parameter++];
          const Tensor b = layer.useBias ? weights_[parameter++] : Tensor();
          pass.y = framework::dense(x, w, b, layer.activation, layer.activation == Activation::Gelu ? &pass.z : nullptr);
          break;
        }
        case LayerKind::Activation:
          pass.z = x;
          pass.y = framework::activate(layer.activation, x);
          break;
        case LayerKind::Dropout:
          pass.y = x;
          if (step) {
            pass.factors = dropoutFactors(layer, *step, x.size(0));
            pass.y = at::where(pass.factors == 0, at::zeros({}, x.options()), x * pass.factors);
          }
          break;
      }
      x = pass.y;
      passes.push_back(std::move(pass));
    }
    return x;
  }

  int indexOf(const Layer& layer) const { return static_cast<int>(&layer - plan_.layers.data()); }

  Tensor dropoutFactors(const Layer& layer, int64_t step, int64_t rows) const {
    Tensor factors = at::empty({rows, layer.outputs}, at::kFloat);
    float* out = factors.data_ptr<float>();
    Dropout(plan_.seed, layer.stream, step, layer.rate).each(0, rows * layer.outputs, [&](int64_t e, float f) { out[e] = f; });
    return factors;
  }

  Sums trainStep(const Batch& batch, int64_t number, double rate) {
    std::vector<Pass> passes;
    const Tensor z = forward(batch.x, &number, passes);
    Tensor p;
    framework::LossResult loss;
    {
      const Timed timed(stamps_, 0, Phase::Loss);
      p = framework::activate(plan_.output, z);
      loss = framework::loss(plan_, z, p, batch.targets, batch.weights, true);
    }
    std::vector<Tensor> gradients(weights_.size());
    Tensor d = loss.dz;
    size_t parameter = weights_.size();
    for (size_t l = plan_.layers.size(); l-- > 0 && parameter > 0;) {
      const Layer& layer = plan_.layers[l];
      const Pass& pass = passes[l];
      const Timed timed(stamps_, 0, Phase::Backward, static_cast<int>(l));
      switch (layer.kind) {
        case LayerKind::Rescaling:
          d = d.mul(layer.scale);
          break;
        case LayerKind::Dense: {
          d = framework::activateBackward(layer.activation, pass.y, pass.z, d);
          if (layer.useBias) gradients[--parameter] = d.sum(0);
          gradients[--parameter] = at::mm(d.t(), pass.x);
          if (parameter > 0) d = at::mm(d, weights_[parameter]);
          break;
        }
        case LayerKind::Activation:
          d = framework::activateBackward(layer.activation, pass.y, pass.z, d);
          break;
        case LayerKind::Dropout:
          d = at::where(pass.factors == 0, at::zeros({}, d.options()), d * pass.factors);
          break;
      }
    }
    {
      const Timed timed(stamps_, 0, Phase::Update);
      if (plan_.optimizer.clipNorm > 0) framework::clip(gradients, plan_.optimizer.clipNorm);
      framework::update(plan_.optimizer, rate, step_, weights_, gradients, slots_);
    }
    ++step_;
    const Timed timed(stamps_, 0, Phase::Record);
    Sums sums{0, std::vector<double>(plan_.metrics.size())};
    add(loss.rows, p, batch, sums);
    return sums;
  }

  void add(const Tensor& losses, const Tensor& predictions, const Batch& batch, Sums& sums) const {
    sums.loss += losses.sum(at::kDouble).item<double>();
    if (plan_.metrics.empty()) return;
    const Tensor p = predictions.contiguous();
    const Tensor labels = plan_.labels ? batch.targets.to(at::kInt) : Tensor();
    std::vector<double> row(plan_.metrics.size());
    for (int64_t r = 0; r < batch.rows; ++r) {
      metricsOfRow(plan_, p.data_ptr<float>() + r * plan_.outputs, plan_.labels ? labels.data_ptr<int>() + r : nullptr,
                   plan_.labels ? nullptr : batch.targets.data_ptr<float>() + r * plan_.outputs, row.data());
      for (size_t m = 0; m < row.size(); ++m) sums.metrics[m] += row[m];
    }
  }

  const Plan plan_;
  const int threads_;
  int64_t step_ = 0;
  Stamps* stamps_ = nullptr;  // while a training is profiled
  std::vector<Tensor> weights_;
  std::vector<std::vector<Tensor>> slots_;
};

}  // namespace

std::unique_ptr<Trainer> makeFrameworkTrainer(const Plan& plan, const State& state, int threads) {
  return std::make_unique<FrameworkTrainer>(plan, state, threads);
}

}  // namespace fusor
