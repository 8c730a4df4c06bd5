#include "trainer.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "../../cuda/driver.h"
#include "ahead.h"
#include "arrival.h"
#include "event_stamps.h"
#include "data.h"
#include "network.h"
#include "op_stamps.h"
#include "torch_place.h"

namespace fusor {
namespace {

using at::Tensor;
using framework::Batch;
using framework::Network;
using framework::Rows;

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
      : plan_(plan), threads_(threads), torch_(std::move(torch)), data_(plan_, torch_),
        network_(std::make_unique<Network>(plan_, torch_, precision)), precision_(precision),
        arrivals_{Arrival(torch_), Arrival(torch_)} {
    write(state);
  }

  ~FrameworkTrainer() override {
    // What lies on a device that is lost is not given back to it.
    if (torch_ && cuda::isLost(torch_->index())) new auto(std::pair(std::move(network_), std::move(data_)));
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
          const Batch batch = gather(rows, order.slice(0, first, last));
          results.push_back(network_->train(batch, span.firstStep + s, span.learningRates[s], stamps_));
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
        network_->takeBack(of.end - s);
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
          total += network_->evaluate(data_.slice(rows, at, std::min<int64_t>(at + batchSize, end)));
        }
        if (torch_) torch_->synchronize();
        ahead_.done(batches);
      }
      const Tensor penalty = network_->penalty();
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
        const Tensor p = network_->predict(x.slice(0, at, end).to(device()));
        at::from_blob(out + at * plan_.outputs, p.sizes(), at::kFloat).copy_(p);
      }
    });
  }

  State read() override {
    return entered([&] { return network_->read(); });
  }

  void write(const State& state) override {
    entered([&] { network_->write(state); });
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

  const Plan plan_;
  const int threads_;
  const std::shared_ptr<TorchPlace> torch_;
  framework::Data data_;
  std::unique_ptr<Network> network_;
  const Precision precision_;
  Ahead ahead_;
  Arrival arrivals_[2];  // of the steps at hand, and of those before
  int other_ = 0;
  Stamps* stamps_ = nullptr;  // while a training is profiled
  std::unique_ptr<Events> events_;
};

}  // namespace

std::unique_ptr<Trainer> makeFrameworkTrainer(const Plan& plan, const State& state, int threads, std::shared_ptr<TorchPlace> torch,
                                              Precision precision) {
  return std::make_unique<FrameworkTrainer>(plan, state, threads, std::move(torch), precision);
}

}  // namespace fusor
