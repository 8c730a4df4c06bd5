#include "loss.h"

#include <algorithm>
#include <cmath>

#include "few.h"

namespace fusor {
namespace {

// The first among equals.
int argmax(const float* values, int n) {
  constexpr int kLanes = 16;
  if (n < 2 * kLanes) {
    int best = 0;
    float greatest = values[0];
    for (int i = 1; i < n; ++i) {
      // No branch: nobody could foretell it.
      const bool greater = values[i] > greatest;
      best = greater ? i : best;
      greatest = greater ? values[i] : greatest;
    }
    return best;
  }
  float most[kLanes];
  const auto raise = [](float& to, float value) { to = value > to ? value : to; };
  std::copy_n(values, kLanes, most);
  int i = kLanes;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) raise(most[j], values[i + j]);
  }
  for (; i < n; ++i) raise(most[0], values[i]);
  for (const float value : most) raise(most[0], value);
  // There is none where the first of its lane is not a number.
  const float* const found = std::find(values, values + n, most[0]);
  return found < values + n ? static_cast<int>(found - values) : 0;
}

// Floats of a block: some rows at a time, whose values stay in the first-level cache.
constexpr long kBlock = 1024;

// A multiple of the rows that softmaxRows takes together, or one.
int rowsTogether(long ld) { return static_cast<int>(std::max(1L, kBlock / ld / 16 * 16)); }

bool isCrossentropy(LossKind loss) {
  return loss == LossKind::CategoricalCrossentropy || loss == LossKind::SparseCategoricalCrossentropy;
}

const int32_t* labelOf(const LossRows& step, int row) { return step.targets.labels ? step.targets.labels + row : nullptr; }

const float* valuesOf(const Plan& plan, const LossRows& step, int row) {
  return step.targets.values ? step.targets.values + static_cast<long>(row) * plan.outputs : nullptr;
}

double* metricsAt(const Plan& plan, const LossRows& step, int row) {
  return step.metrics + static_cast<long>(row) * plan.metrics.size();
}

// The gradient of a loss on predictions, carried back through the output activation.
void throughOutput(const Plan& plan, const Kernels& kernels, const float* z, const float* p, float* dz, int rows) {
  const long n = plan.outputs;
  if (plan.output == Activation::Linear) return;
  if (plan.output != Activation::Softmax) return kernels.activateBackward(plan.output, p, z, dz, dz, rows * n);
  for (int r = 0; r < rows; ++r) kernels.activateBackward(plan.output, p + r * n, z + r * n, dz + r * n, dz + r * n, n);
}

// Of each row the mean of value(e) over its outputs, weighted.
template <class F>
void meansOf(const float* e, int outputs, const LossRows& step, Range rows, F value) {
  for (int r = rows.begin; r < rows.end; ++r, e += outputs) {
    double sums[4] = {};  // of a wide row no sum waits for the one before
    int i = 0;
    for (; i + 4 <= outputs; i += 4) {
      for (int j = 0; j < 4; ++j) sums[j] += value(e[i + j]);
    }
    for (; i < outputs; ++i) sums[0] += value(e[i]);
    step.losses[r] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / outputs * (step.weights ? step.weights[r] : 1.0f);
  }
}

// to[i] = gradient(i) x weight / (batchRows x outputs), of all values of some rows.
template <class F>
void gradientsOf(float* to, int outputs, const LossRows& step, Range rows, F gradient) {
  const int each = step.weights ? outputs : rows.size() * outputs;
  for (int r = rows.begin, i = 0; i < rows.size() * outputs; ++r) {
    const float scale = (step.weights ? step.weights[r] : 1.0f) / static_cast<float>(step.batchRows) / static_cast<float>(outputs);
    for (const int end = i + each; i < end; ++i) to[i] = scale * gradient(i);
  }
}

// Of losses that look at each value by itself. Rows of few values are put together first.
void valueByValue(const Plan& plan, const Kernels& kernels, const LossRows& step, Range rows) {
  const int n = plan.outputs, count = rows.size();
  const long values = static_cast<long>(count) * n, room = std::max(step.ld, kBlock), at = rows.begin * step.ld;
  const bool together = count == 1 || n == step.ld;
  float* const e = step.scratch;
  float* const predictions = e + room;
  float* const packed = predictions + room;
  if (!together) {
    for (int r = 0; r < count; ++r) copyFew(step.z + at + r * step.ld, n, packed + r * n);
  }
  const float* const z = together ? step.z + at : packed;
  const float* const p = plan.output == Activation::Linear ? z : predictions;
  const float* const y = valuesOf(plan, step, rows.begin);
  if (p != z) activateRows(plan, kernels, z, predictions, count);
  if (plan.loss == LossKind::BinaryCrossentropy) {
    kernels.binaryCrossentropy(z, y, e, values);
    meansOf(e, n, step, rows, [](float loss) { return loss; });
  } else {
    for (long i = 0; i < values; ++i) e[i] = p[i] - y[i];
    if (plan.loss == LossKind::SquaredError) {
      meansOf(e, n, step, rows, [](double difference) { return difference * difference; });
    } else if (plan.loss == LossKind::AbsoluteError) {
      meansOf(e, n, step, rows, [](float difference) { return std::fabs(difference); });
    } else {
      meansOf(e, n, step, rows, [delta = static_cast<double>(plan.delta)](double difference) {
        const double far = std::fabs(difference);
        return far <= delta ? 0.5 * far * far : delta * (far - 0.5 * delta);
      });
    }
  }
  if (!plan.metrics.empty()) {
    for (int r = 0; r < count; ++r)
      metricsOfRow(plan, p + static_cast<long>(r) * n, nullptr, y + static_cast<long>(r) * n, metricsAt(plan, step, rows.begin + r));
  }
  if (!step.dz) return;

  float* const dz = together ? step.dz + at : e;
  if (plan.loss == LossKind::BinaryCrossentropy) {
    const float* sigmoids = p;
    if (plan.output != Activation::Sigmoid) kernels.activate(Activation::Sigmoid, z, dz, values), sigmoids = dz;
    gradientsOf(dz, n, step, rows, [&](int i) { return sigmoids[i] - y[i]; });
  } else if (plan.loss == LossKind::SquaredError) {
    gradientsOf(dz, n, step, rows, [&](int i) { return 2 * e[i]; });
  } else if (plan.loss == LossKind::AbsoluteError) {
    gradientsOf(dz, n, step, rows, [&](int i) { return static_cast<float>((e[i] > 0) - (e[i] < 0)); });
  } else {
    gradientsOf(dz, n, step, rows, [&](int i) { return std::clamp(e[i], -plan.delta, plan.delta); });
  }
  if (plan.loss != LossKind::BinaryCrossentropy) throughOutput(plan, kernels, z, p, dz, count);
  for (int r = 0; r < count && !together; ++r) copyFew(dz + r * n, n, step.dz + at + r * step.ld);
}

// Of losses on a row as a whole.
void rowByRow(const Plan& plan, const Kernels& kernels, const LossRows& step, Range rows) {
  const int n = plan.outputs;
  float* const softmaxes = step.dz ? step.dz + rows.begin * step.ld : step.scratch;
  float* const predictions = step.scratch + std::max(step.ld, kBlock);
  // The logarithms stay where the losses will be.
  kernels.softmaxRows({step.z + rows.begin * step.ld, softmaxes, step.ld, n, {0, rows.size()}, step.losses + rows.begin});
  for (int r = rows.begin; r < rows.end; ++r) {
    const float* const z = step.z + r * step.ld;
    float* const softmax = softmaxes + (r - rows.begin) * step.ld;
    const int32_t* const label = labelOf(step, r);
    const float* const y = valuesOf(plan, step, r);
    if (!plan.metrics.empty()) {
      const float* p = plan.output == Activation::Softmax ? softmax : z;
      if (p == z && plan.output != Activation::Linear) kernels.activate(plan.output, z, predictions, n), p = predictions;
      metricsOfRow(plan, p, label, y, metricsAt(plan, step, r));
    }
    const double lse = step.losses[r];
    double loss = 0;
    if (label) {
      loss = lse - z[*label];
    } else {
      for (int i = 0; i < n; ++i) {
        if (y[i] != 0) loss += y[i] * (lse - z[i]);  // a target of 0 counts nothing, however far away its logit is
      }
    }
    const float weight = step.weights ? step.weights[r] : 1.0f;
    step.losses[r] = loss * weight;
    if (!step.dz) continue;
    const float scale = weight / static_cast<float>(step.batchRows);
    float* const dz = softmax;
    const float own = label ? softmax[*label] : 0;
    if (label) {
      for (int i = 0; i < n; ++i) dz[i] *= scale;
      dz[*label] = (own - 1) * scale;
    } else {
      for (int i = 0; i < n; ++i) dz[i] = (dz[i] - y[i]) * scale;
    }
  }
}

}  // namespace

void metricsOfRow(const Plan& plan, const float* p, const int32_t* label, const float* values, double* out) {
  const int n = plan.outputs;
  for (size_t m = 0; m < plan.metrics.size(); ++m) {
    const Metric& metric = plan.metrics[m];
    double result = 0;
    switch (metric.kind) {
      case MetricKind::CategoricalAccuracy:
        result = argmax(p, n) == (label ? *label : argmax(values, n));
        break;
      case MetricKind::TopK: {
        const float own = p[label ? *label : argmax(values, n)];
        int above = 0;
        for (int i = 0; i < n; ++i) above += p[i] > own;
        result = above < metric.k;
        break;
      }
      case MetricKind::BinaryAccuracy: {
        int right = 0;  // counted without a branch
        for (int i = 0; i < n; ++i) right += (p[i] > metric.threshold) == (values[i] > 0.5f);
        result = static_cast<double>(right) / n;
        break;
      }
      case MetricKind::SquaredError:
      case MetricKind::AbsoluteError:
        for (int i = 0; i < n; ++i) {
          const double y = label ? i == *label : values[i];
          const double difference = p[i] - y;
          result += metric.kind == MetricKind::SquaredError ? difference * difference : std::fabs(difference);
        }
        result /= n;
        break;
    }
    out[m] = result;
  }
}

void activateRows(const Plan& plan, const Kernels& kernels, const float* z, float* p, int rows) {
  const long n = plan.outputs;
  if (plan.output != Activation::Softmax) return kernels.activate(plan.output, z, p, rows * n);
  for (int r = 0; r < rows; ++r) kernels.activate(plan.output, z + r * n, p + r * n, n);
}

size_t lossScratch(long ld) { return 3 * std::max(ld, kBlock); }

void lossRows(const Plan& plan, const Kernels& kernels, const LossRows& step) {
  const int together = rowsTogether(step.ld);
  for (int r = step.rows.begin; r < step.rows.end; r += together) {
    const Range rows{r, std::min(r + together, step.rows.end)};
    isCrossentropy(plan.loss) ? rowByRow(plan, kernels, step, rows) : valueByValue(plan, kernels, step, rows);
  }
}

}  // namespace fusor
