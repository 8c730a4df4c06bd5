#include "loss.h"

#include <cmath>

namespace fusor {
namespace {

int argmax(const float* values, int n) {
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

// max(z, 0) - z y + log(1 + e^-|z|)
float binaryCrossentropy(float z, float y) {
  const float positive = z < 0 ? 0 : z;
  return positive - z * y + std::log1p(std::exp(-std::fabs(z)));
}

// The gradient of a loss on predictions, carried back through the output activation.
void throughOutput(const Plan& plan, const Kernels& kernels, const float* z, const float* p, float* dz) {
  if (plan.output != Activation::Linear) kernels.activateBackward(plan.output, p, z, dz, dz, plan.outputs);
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
      case MetricKind::BinaryAccuracy:
        for (int i = 0; i < n; ++i) result += (p[i] > metric.threshold) == (values[i] > 0.5f);
        result /= n;
        break;
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

void lossRows(const Plan& plan, const Kernels& kernels, const LossRows& step) {
  const int n = plan.outputs;
  const bool crossentropy =
      plan.loss == LossKind::CategoricalCrossentropy || plan.loss == LossKind::SparseCategoricalCrossentropy;
  // In place in dz, where p is to be something else.
  float* const softmaxes = plan.output != Activation::Softmax && step.dz ? step.dz : step.p;
  // The logarithms stay where the losses will be.
  if (crossentropy) kernels.softmaxRows({step.z, softmaxes, step.ld, n, step.rows, step.losses});
  for (int r = step.rows.begin; r < step.rows.end; ++r) {
    const float* z = step.z + r * step.ld;
    float* p = step.p + r * step.ld;
    float* dz = step.dz ? step.dz + r * step.ld : nullptr;
    const int32_t* label = step.targets.labels ? step.targets.labels + r : nullptr;
    const float* y = step.targets.values ? step.targets.values + static_cast<long>(r) * n : nullptr;
    const float weight = step.weights ? step.weights[r] : 1.0f;

    double loss = 0;
    float scale = weight / static_cast<float>(step.batchRows);
    if (crossentropy) {
      const float* softmax = softmaxes + r * step.ld;
      const double lse = step.losses[r];
      if (label) {
        loss = lse - z[*label];
      } else {
        for (int i = 0; i < n; ++i) {
          if (y[i] != 0) loss += y[i] * (lse - z[i]);  // a target of 0 counts nothing, however far away its logit is
        }
      }
      if (dz) {
        const float own = label ? softmax[*label] : 0;
        for (int i = 0; i < n; ++i) dz[i] = (label ? softmax[i] : softmax[i] - y[i]) * scale;
        if (label) dz[*label] = (own - 1) * scale;
      }
      if (plan.output != Activation::Softmax) kernels.activate(plan.output, z, p, n);
    } else {
      kernels.activate(plan.output, z, p, n);
      scale /= static_cast<float>(n);
      if (plan.loss == LossKind::BinaryCrossentropy) {
        if (dz && plan.output != Activation::Sigmoid) kernels.activate(Activation::Sigmoid, z, dz, n);
        for (int i = 0; i < n; ++i) {
          loss += binaryCrossentropy(z[i], y[i]);
          if (dz) dz[i] = ((plan.output == Activation::Sigmoid ? p[i] : dz[i]) - y[i]) * scale;
        }
      } else {
        const bool squared = plan.loss == LossKind::SquaredError;
        for (int i = 0; i < n; ++i) {
          const float difference = p[i] - y[i];
          loss += squared ? static_cast<double>(difference) * difference : std::fabs(difference);
          if (dz) dz[i] = scale * (squared ? 2 * difference : static_cast<float>((difference > 0) - (difference < 0)));
        }
        if (dz) throughOutput(plan, kernels, z, p, dz);
      }
      loss /= n;
    }
    for (long i = n; dz && i < step.ld; ++i) dz[i] = 0;
    step.losses[r] = loss * weight;
    metricsOfRow(plan, p, label, y, step.metrics + static_cast<long>(r) * plan.metrics.size());
  }
}

}  // namespace fusor
