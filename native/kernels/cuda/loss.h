// The loss step of one row, by one warp: predictions, loss, metrics, gradient with respect to the logits.
#pragma once
#include "activation.h"
#include "step.h"

namespace fusor::cuda {

DEVICE int laneOf() { return static_cast<int>(threadIdx.x) % 32; }

// NaN, where there is one.
DEVICE float greater(float a, float b) { return b > a || b != b ? b : a; }

DEVICE float greatestOf(const float* x, int n) {
  float most = x[0];
  for (int i = laneOf(); i < n; i += 32) most = greater(most, x[i]);
  for (int apart = 16; apart > 0; apart /= 2) most = greater(most, __shfl_xor_sync(kEveryLane, most, apart));
  return most;
}

struct Softmax {
  float most, total;
  DEVICE Softmax(const float* z, int n) : most(greatestOf(z, n)) {
    float sum = 0;
    for (int i = laneOf(); i < n; i += 32) sum += expf(z[i] - most);
    total = warpSum(sum);
  }
  DEVICE float at(float z) const { return expf(z - most) / total; }
  // -log of the probability: two terms that are not negative.
  DEVICE float loss(float z) const { return logf(total) + (most - z); }
};

// dx = y (dy - sum y dy), for y = softmax(x). In place is fine: a lane touches its own elements only.
DEVICE void softmaxBack(const float* y, float* d, int n) {
  double dot = 0;
  for (int i = laneOf(); i < n; i += 32) dot += static_cast<double>(y[i]) * d[i];
  const float mean = static_cast<float>(warpSum(dot));
  for (int i = laneOf(); i < n; i += 32) d[i] = y[i] * (d[i] - mean);
}

// The first among the greatest. As the loop `if (x[i] > x[best]) best = i` has it, also with NaN.
DEVICE int argmax(const float* x, int n) {
  if (x[0] != x[0]) return 0;
  float most = x[0];
  int best = 0;
  for (int i = laneOf(); i < n; i += 32) {
    if (x[i] > most) most = x[i], best = i;
  }
  for (int apart = 16; apart > 0; apart /= 2) {
    const float other = __shfl_xor_sync(kEveryLane, most, apart);
    const int there = __shfl_xor_sync(kEveryLane, best, apart);
    if (other > most || (other == most && there < best)) most = other, best = there;
  }
  return best;
}

// What a row should be: one of the two.
struct Target {
  int label;
  const float* values;
  DEVICE float at(int i) const { return values ? values[i] : i == label ? 1.0f : 0.0f; }
  DEVICE int klass(int n) const { return values ? argmax(values, n) : label; }
};

DEVICE double metricOf(const Metric& metric, const float* p, const Target& target, int n, double perOutput) {
  if (metric.kind == MetricKindOf::CategoricalAccuracy) return argmax(p, n) == target.klass(n) ? 1 : 0;
  double sum = 0;
  if (metric.kind == MetricKindOf::TopK) {
    const float own = p[target.klass(n)];
    for (int i = laneOf(); i < n; i += 32) sum += p[i] > own;
    return warpSum(sum) < metric.k ? 1 : 0;
  }
  for (int i = laneOf(); i < n; i += 32) {
    const double difference = static_cast<double>(p[i]) - target.at(i);
    sum += metric.kind == MetricKindOf::BinaryAccuracy ? (p[i] > metric.threshold) == (target.at(i) > 0.5f)
           : metric.kind == MetricKindOf::SquaredError ? difference * difference
                                                       : fabs(difference);
  }
  return warpSum(sum) * perOutput;
}

// z: logits, p: predictions (written), d: gradient (written) or null.
DEVICE void lossRow(const Loss& loss, const Step& step, int row, const float* z, float* p, float* d) {
  const int n = loss.outputs, lane = laneOf();
  const Control& control = *step.control;
  const bool crossentropy = loss.kind <= LossKindOf::SparseCategoricalCrossentropy;
  const bool softmax = loss.output == ActivationKind::Softmax;
  const Softmax soft = crossentropy || softmax ? Softmax(z, n) : Softmax(z, 0);
  for (int i = lane; i < n; i += 32) p[i] = softmax ? soft.at(z[i]) : activated(loss.output, z[i]);
  if (!loss.rowLosses) return;

  const long long at = step.dataRow(row);
  const Target target{control.labels ? control.labels[at] : 0, control.values ? control.values + at * n : nullptr};
  const float weight = control.weights ? control.weights[at] : 1.0f;
  float scale = weight / static_cast<float>(step.rows);
  double sum = 0;
  if (crossentropy) {
    for (int i = lane; i < n; i += 32) {
      const float y = target.at(i);
      if (y != 0.0f) sum += y * soft.loss(z[i]);  // a target of 0 counts nothing, however far away its logit is
      if (d) d[i] = (soft.at(z[i]) - y) * scale;
    }
    sum = warpSum(sum);
  } else {
    scale /= static_cast<float>(n);
    for (int i = lane; i < n; i += 32) {
      const float y = target.at(i), difference = p[i] - y;
      if (loss.kind == LossKindOf::BinaryCrossentropy) {
        sum += (z[i] < 0.0f ? 0.0f : z[i]) - z[i] * y + log1pf(expf(-fabsf(z[i])));
        if (d) d[i] = (sigmoid(z[i]) - y) * scale;
        continue;
      }
      const bool squared = loss.kind == LossKindOf::SquaredError;
      sum += squared ? static_cast<double>(difference) * difference : static_cast<double>(fabsf(difference));
      float g = scale * (squared ? 2.0f * difference : static_cast<float>((difference > 0.0f) - (difference < 0.0f)));
      if (!softmax) g *= slope(loss.output, p[i], z[i]);
      if (d) d[i] = g;
    }
    sum = warpSum(sum) * loss.perOutput;
    if (d && softmax && loss.kind != LossKindOf::BinaryCrossentropy) softmaxBack(p, d, n);
  }
  __syncwarp();  // a metric may look at what another lane has written
  const long long result = step.resultRow(row);
  if (lane == 0) loss.rowLosses[result] = sum * weight;
  for (int m = 0; m < loss.metrics; ++m) {
    const double value = metricOf(loss.metric[m], p, target, n, loss.perOutput);
    if (lane == 0) loss.rowMetrics[result * loss.metrics + m] = value;
  }
}

}  // namespace fusor::cuda
