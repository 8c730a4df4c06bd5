#include "reference_trainer.h"

#include <algorithm>
#include <cmath>

#include "engine/fused/loss.h"
#include "kernels/cpu/philox.h"
#include "test/reference.h"

namespace fusor::test {

// Values of all layers: at[0] the rows, at[i + 1] what layer i gave; z[i] what a Dense had before its activation.
struct ReferenceTrainer::Pass {
  std::vector<Matrix> at, z;
};

namespace {

std::vector<double> softmax(const std::vector<double>& z) {
  const double most = *std::max_element(z.begin(), z.end());
  std::vector<double> p;
  double total = 0;
  for (const double value : z) p.push_back(std::exp(value - most)), total += p.back();
  for (double& value : p) value /= total;
  return p;
}

std::vector<double> activatedRow(Nonlinearity a, const std::vector<double>& z) {
  if (a.kind == Activation::Softmax) return softmax(z);
  std::vector<double> y;
  for (const double value : z) y.push_back(activation(a, value));
  return y;
}

// d times the derivative of y = a(z).
void throughActivation(Nonlinearity a, const std::vector<double>& y, const std::vector<double>& z, std::vector<double>& d) {
  double dot = 0;
  for (size_t i = 0; i < d.size(); ++i) dot += y[i] * d[i];
  for (size_t i = 0; i < d.size(); ++i) d[i] = a.kind == Activation::Softmax ? y[i] * (d[i] - dot) : d[i] * slope(a, y[i], z[i]);
}

}  // namespace

ReferenceTrainer::ReferenceTrainer(const Plan& plan, const State& state) : plan_(plan) { write(state); }

ReferenceTrainer::Pass ReferenceTrainer::forward(const Dataset& data, const std::vector<int64_t>& rows, int64_t step, bool training) const {
  Pass pass;
  pass.at.emplace_back();
  for (const int64_t row : rows) {
    std::vector<double> x(plan_.features);
    for (int i = 0; i < plan_.features; ++i) {
      x[i] = data.floats.empty() ? data.bytes[row * plan_.features + i] : data.floats[row * plan_.features + i];
    }
    pass.at[0].push_back(x);
  }
  size_t parameter = 0;
  for (const Layer& layer : plan_.layers) {
    Matrix y, z;
    const Dropout factors(plan_.seed, layer.stream, step, layer.rate);
    for (size_t r = 0; r < rows.size(); ++r) {
      const std::vector<double>& x = pass.at.back()[r];
      std::vector<double> v = x;
      if (layer.kind == LayerKind::Dense) {
        v.assign(layer.outputs, 0);
        for (int n = 0; n < layer.outputs; ++n) {
          for (int i = 0; i < layer.inputs; ++i) v[n] += x[i] * weights_[parameter][static_cast<size_t>(i) * layer.outputs + n];
          if (layer.useBias) v[n] += weights_[parameter + 1][n];
        }
      }
      z.push_back(v);
      if (layer.kind == LayerKind::Rescaling) {
        for (double& value : v) value = value * layer.scale + layer.offset;
      } else if (layer.kind == LayerKind::Dropout) {
        const auto e = static_cast<int64_t>(r) * layer.outputs;
        if (training) factors.each(e, e + layer.outputs, [&](int64_t at, float factor) { v[at - e] *= factor; });
      } else {
        v = activatedRow(layer.nonlinearity(), v);
      }
      y.push_back(v);
    }
    if (layer.kind == LayerKind::Dense) parameter += 1 + layer.useBias;
    pass.z.push_back(z);
    pass.at.push_back(y);
  }
  return pass;
}

double ReferenceTrainer::lossOfRow(const Dataset& data, int64_t row, const std::vector<double>& z, std::vector<double>& p,
                                   std::vector<double>* d, double rows) const {
  const int n = plan_.outputs;
  const double weight = data.weights.empty() ? 1 : data.weights[row];
  const auto target = [&](int i) -> double { return data.labels.empty() ? data.values[row * n + i] : data.labels[row] == i; };
  p = activatedRow(plan_.output, z);
  const std::vector<double> soft = softmax(z);
  const double most = *std::max_element(z.begin(), z.end());
  double total = 0, loss = 0;
  for (const double value : z) total += std::exp(value - most);
  if (d) d->assign(n, 0);
  for (int i = 0; i < n; ++i) {
    const double y = target(i), difference = p[i] - y;
    double g = 0;
    switch (plan_.loss) {
      case LossKind::CategoricalCrossentropy:
      case LossKind::SparseCategoricalCrossentropy:
        loss += y * (most + std::log(total) - z[i]);
        g = soft[i] - y;
        break;
      case LossKind::BinaryCrossentropy:
        loss += (std::max(z[i], 0.0) - z[i] * y + std::log1p(std::exp(-std::fabs(z[i])))) / n;
        g = (1 / (1 + std::exp(-z[i])) - y) / n;
        break;
      case LossKind::SquaredError:
        loss += difference * difference / n;
        g = 2 * difference / n;
        break;
      case LossKind::AbsoluteError:
        loss += std::fabs(difference) / n;
        g = ((difference > 0) - (difference < 0)) / static_cast<double>(n);
        break;
      case LossKind::Huber: {
        const double far = std::fabs(difference), delta = plan_.delta;
        loss += (far <= delta ? 0.5 * far * far : delta * (far - 0.5 * delta)) / n;
        g = std::clamp(difference, -delta, delta) / n;
        break;
      }
    }
    if (d) (*d)[i] = g * weight / rows;
  }
  if (d && plan_.loss >= LossKind::SquaredError) throughActivation(plan_.output, p, z, *d);
  return loss * weight;
}

void ReferenceTrainer::metricsOfRow(const Dataset& data, int64_t row, const std::vector<double>& p, double* out) const {
  const std::vector<float> narrow(p.begin(), p.end());
  fusor::metricsOfRow(plan_, narrow.data(), data.labels.empty() ? nullptr : &data.labels[row],
                      data.values.empty() ? nullptr : &data.values[row * plan_.outputs], out);
}

void ReferenceTrainer::run(const Dataset& data, const Span& span, Control&, fusor::Report& report) {
  report.metrics.resize(plan_.metrics.size());
  for (size_t s = 0; s < span.learningRates.size(); ++s) {
    const size_t begin = s * span.batchSize, end = std::min(span.order.size(), begin + span.batchSize);
    const std::vector<int64_t> rows(span.order.begin() + static_cast<long>(begin), span.order.begin() + static_cast<long>(end));
    const int64_t step = span.firstStep + static_cast<int64_t>(s);
    const Pass pass = forward(data, rows, step, true);
    Matrix d(rows.size());
    double loss = 0;
    std::vector<double> metrics(plan_.metrics.size()), one(plan_.metrics.size()), p;
    for (size_t r = 0; r < rows.size(); ++r) {
      loss += lossOfRow(data, rows[r], pass.at.back()[r], p, &d[r], static_cast<double>(rows.size()));
      metricsOfRow(data, rows[r], p, one.data());
      for (size_t m = 0; m < one.size(); ++m) metrics[m] += one[m];
    }
    report.losses.push_back(static_cast<float>(loss / static_cast<double>(rows.size()) + penalty()));
    for (size_t m = 0; m < one.size(); ++m) report.metrics[m].push_back(static_cast<float>(metrics[m] / static_cast<double>(rows.size())));
    ++report.stepsDone;

    std::vector<std::vector<double>> gradients;
    for (const auto& weights : weights_) gradients.emplace_back(weights.size());
    size_t parameter = weights_.size();
    for (size_t l = plan_.layers.size(); l-- > 0;) {
      const Layer& layer = plan_.layers[l];
      if (layer.kind == LayerKind::Dense) parameter -= 1 + layer.useBias;
      const Dropout factors(plan_.seed, layer.stream, step, layer.rate);
      for (size_t r = 0; r < rows.size(); ++r) {
        std::vector<double>& g = d[r];
        if (layer.kind == LayerKind::Rescaling) {
          for (double& value : g) value *= layer.scale;
        } else if (layer.kind == LayerKind::Dropout) {
          const auto e = static_cast<int64_t>(r) * layer.outputs;
          factors.each(e, e + layer.outputs, [&](int64_t at, float factor) { g[at - e] *= factor; });
        } else {
          throughActivation(layer.nonlinearity(), pass.at[l + 1][r], pass.z[l][r], g);
        }
        if (layer.kind != LayerKind::Dense) continue;
        std::vector<double> dx(layer.inputs);
        for (int i = 0; i < layer.inputs; ++i) {
          for (int n = 0; n < layer.outputs; ++n) {
            const size_t at = static_cast<size_t>(i) * layer.outputs + n;
            dx[i] += g[n] * weights_[parameter][at];
            gradients[parameter][at] += g[n] * pass.at[l][r][i];
          }
        }
        for (int n = 0; layer.useBias && n < layer.outputs; ++n) gradients[parameter + 1][n] += g[n];
        g = dx;
      }
    }
    apply(gradients, span.learningRates[s]);
  }
}

template <class F>
void ReferenceTrainer::eachParameter(F f) const {
  size_t p = 0;
  for (const Layer& layer : plan_.layers) {
    if (layer.kind != LayerKind::Dense) continue;
    f(p++, layer.kernel, layer.outputs, false, layer.trainable);
    if (layer.useBias) f(p++, layer.bias, layer.outputs, true, layer.trainable);
  }
}

double ReferenceTrainer::penalty() const {
  double sum = 0;
  eachParameter([&](size_t p, const Restraint& restraint, int, bool, bool trained) {
    for (const double w : weights_[p]) sum += trained ? restraint.l1 * std::fabs(w) + restraint.l2 * w * w : 0;
  });
  return sum;
}

void ReferenceTrainer::apply(std::vector<std::vector<double>> gradients, double rate) {
  const fusor::Optimizer& o = plan_.optimizer;
  const bool updates = (step_ + 1) % o.accumulate == 0;
  const int64_t number = step_++ / o.accumulate;
  double squares = 0;
  eachParameter([&](size_t p, const Restraint& restraint, int, bool, bool trained) {
    for (size_t i = 0; trained && i < gradients[p].size(); ++i) {
      double& g = gradients[p][i];
      const double w = weights_[p][i];
      g += restraint.l1 * ((w > 0) - (w < 0)) + 2 * restraint.l2 * w;
      if (o.accumulate > 1) {
        double& sum = slots_.back()[p][i];
        g += sum, sum = updates ? 0 : g, g /= static_cast<double>(o.accumulate);
      }
      squares += g * g;
    }
  });
  const double factor = o.clipNorm > 0 ? std::min(1.0, o.clipNorm / std::sqrt(squares)) : 1;
  const test::Optimizer rule{o.kind, rate, o.decay1, o.decay2, o.epsilon, o.weightDecay};
  double unused = 0;
  eachParameter([&](size_t p, const Restraint& restraint, int columns, bool isBias, bool trained) {
    std::vector<double>& w = weights_[p];
    for (size_t i = 0; trained && updates && i < w.size(); ++i) {
      rule.step(number + 1, gradients[p][i] * factor, w[i], slots_.empty() ? unused : slots_[0][p][i],
                slots_.size() < 2 ? unused : slots_[1][p][i]);
    }
    const size_t groups = isBias ? 1 : columns;  // of which each has its norm
    for (size_t n = 0; trained && restraint.maxNorm > 0 && n < groups; ++n) {
      double sum = 0;
      for (size_t i = n; i < w.size(); i += groups) sum += w[i] * w[i];
      const double norm = std::sqrt(sum);
      for (size_t i = n; i < w.size(); i += groups) w[i] *= std::min(norm, restraint.maxNorm) / (norm + 1e-7);
    }
  });
}

bool ReferenceTrainer::evaluate(const Dataset& data, int64_t begin, int64_t end, int, Control&, fusor::Sums& sums) {
  std::vector<double> one(plan_.metrics.size()), p;
  sums.loss += penalty() * static_cast<double>(end - begin);
  for (int64_t row = begin; row < end; ++row) {
    const Pass pass = forward(data, {row}, 0, false);
    sums.loss += lossOfRow(data, row, pass.at.back()[0], p, nullptr, 1);
    metricsOfRow(data, row, p, one.data());
    for (size_t m = 0; m < one.size(); ++m) sums.metrics[m] += one[m];
  }
  return true;
}

void ReferenceTrainer::predict(const Dataset& data, float* out) {
  for (int64_t row = 0; row < data.rows; ++row) {
    const std::vector<double> p = activatedRow(plan_.output, forward(data, {row}, 0, false).at.back()[0]);
    std::copy(p.begin(), p.end(), out + row * plan_.outputs);
  }
}

State ReferenceTrainer::read() {
  State state;
  state.step = step_;
  for (const auto& all : weights_) state.weights.emplace_back(all.begin(), all.end());
  for (const auto& slot : slots_) {
    state.slots.emplace_back();
    for (const auto& all : slot) state.slots.back().emplace_back(all.begin(), all.end());
  }
  return state;
}

void ReferenceTrainer::write(const State& state) {
  step_ = state.step;
  weights_.clear(), slots_.clear();
  for (const auto& all : state.weights) weights_.emplace_back(all.begin(), all.end());
  for (const auto& slot : state.slots) {
    slots_.emplace_back();
    for (const auto& all : slot) slots_.back().emplace_back(all.begin(), all.end());
  }
}

}  // namespace fusor::test
