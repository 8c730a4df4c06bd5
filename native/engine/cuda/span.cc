#include "span.h"

#include <algorithm>
#include <cstddef>

namespace fusor {

static_assert(offsetof(cuda::Control, labels) == 4 * 16, "every launch takes the first four pieces");

CudaSpan::CudaSpan(cuda::Device& device, const Plan& plan, const CudaRows& data, const Span& span, int64_t step,
                   cuda::Control* control, const CudaStamps* stamps)
    : device_(device), span_(span), metrics_(plan.metrics.size()), steps_(static_cast<int64_t>(span.learningRates.size())),
      end_(steps_), control_(control) {
  const auto copy = [&](const auto& values) {
    auto memory = device.allocate(values.size() * sizeof(values[0]));
    device.upload(memory->address(), values.data(), values.size() * sizeof(values[0]));
    return memory;
  };
  const int64_t every = plan.optimizer.accumulate;
  std::vector<float> rates, together;
  for (int64_t s = 0; s < steps_; ++s) {
    const Update u = updateOf(plan.optimizer, span.learningRates[s], (step + s) / every);
    rates.push_back(u.rate);
    rates.push_back(u.shrink);
    if (every > 1) together.push_back((step + s + 1) % every == 0 ? static_cast<float>(every) : 0);
  }
  order_ = copy(span.order);
  rates_ = copy(rates);
  if (every > 1) together_ = copy(together);
  results_ = device.allocate(steps_ * (1 + metrics_) * sizeof(float));
  const auto pointer = [](cuda::Address at) { return reinterpret_cast<void*>(at); };
  cuda::Control& c = begun_;
  c.end = c.steps = static_cast<int>(steps_);
  c.batch = span.batchSize;
  c.rows = static_cast<long long>(span.order.size());
  c.number = static_cast<unsigned long long>(span.firstStep);
  c.seed = plan.seed;
  c.order = static_cast<const unsigned*>(pointer(order_->address()));
  data.place(c);
  c.rates = static_cast<const float*>(pointer(rates_->address()));
  if (together_) c.together = static_cast<const float*>(pointer(together_->address()));
  c.losses = static_cast<float*>(pointer(results_->address()));
  c.metrics = c.losses + steps_;
  if (stamps) stamps->place(c);
  device.upload(reinterpret_cast<cuda::Address>(control), &c, sizeof c);
}

int64_t CudaSpan::done() {
  int at[2];  // base, end: the first two of Control
  device_.download(at, reinterpret_cast<cuda::Address>(control_), sizeof at);
  end_ = at[1];
  return std::min(at[0], at[1]);
}

void CudaSpan::read(Report& report, int64_t done) {
  std::vector<float> all(steps_ * (1 + metrics_));
  device_.download(all.data(), results_->address(), all.size() * sizeof(float));
  report.stepsDone = done;
  report.losses.assign(all.begin(), all.begin() + done);
  report.metrics.resize(metrics_);
  for (size_t m = 0; m < metrics_; ++m) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>((1 + m) * steps_);
    report.metrics[m].assign(from, from + done);
  }
}

void CudaSpan::tell(const Report& report, Control& control) const {
  const auto rows = static_cast<int64_t>(span_.order.size());
  const auto mean = [&](const std::vector<float>& values) {
    double sum = 0;
    for (int64_t s = 0; s < report.stepsDone; ++s) {
      sum += static_cast<double>(values[s]) * static_cast<double>(std::min<int64_t>(span_.batchSize, rows - s * span_.batchSize));
    }
    return sum / static_cast<double>(std::min<int64_t>(rows, report.stepsDone * span_.batchSize));
  };
  std::vector<double> metrics;
  for (const auto& values : report.metrics) metrics.push_back(mean(values));
  control.progress(report.stepsDone, mean(report.losses), metrics);
}

}  // namespace fusor
