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
#pragma unroll 1
  for (int i = laneOf(); i < n; i += 32) most = greater(most, x[i]);
  for (int apart = 16; apart > 0; apart /= 2) most = greater(most, __shfl_xor_sync(kEveryLane, most, apart));
  return most;
}

struct Softmax {
  float most, total;
  DEVICE Softmax(const float* z, int n) : most(greatestOf(z, n)) {
    float sum = 0;
#pragma unroll 1
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
#pragma unroll 1
  for (int i = laneOf(); i < n; i += 32) dot += static_cast<double>(y[i]) * d[i];
  const float mean = static_cast<float>(warpSum(dot));
#pragma unroll 1
  for (int i = laneOf(); i < n; i += 32) d[i] = y[i] * (d[i] - mean);
}

// The first among the greatest. As the loop `if (x[i] > x[best]) best = i` has it, also with NaN.
DEVICE int argmax(const float* x, int n) {
  if (x[0] != x[0]) return 0;
  float most = x[0];
  int best = 0;
#pragma unroll 1
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

// What a row should be: one of the two, and what it weighs.
struct Target {
  int label;
  const float* values;
  float weight;

  // at: its row of the data.
  DEVICE Target(const Step& step, long long at, int n) {
    const Control& control = *step.control;
    label = control.labels ? control.labels[at] : 0;
    values = control.values ? control.values + at * n : nullptr;
    weight = control.weights ? control.weights[at] : 1.0f;
  }
  DEVICE float at(int i) const { return values ? values[i] : i == label ? 1.0f : 0.0f; }
  DEVICE int klass(int n) const { return values ? argmax(values, n) : label; }
};

template <bool kPlain>
DEVICE double metricOf(const Metric& metric, const float* p, const Target& target, int n, double perOutput) {
  if (kPlain || metric.kind == MetricKindOf::CategoricalAccuracy) return argmax(p, n) == target.klass(n) ? 1 : 0;
  double sum = 0;
  if (metric.kind == MetricKindOf::TopK) {
    const float own = p[target.klass(n)];
#pragma unroll 1
    for (int i = laneOf(); i < n; i += 32) sum += p[i] > own;
    return warpSum(sum) < metric.k ? 1 : 0;
  }
#pragma unroll 1
  for (int i = laneOf(); i < n; i += 32) {
    const double difference = static_cast<double>(p[i]) - target.at(i);
    sum += metric.kind == MetricKindOf::BinaryAccuracy ? (p[i] > metric.threshold) == (target.at(i) > 0.5f)
           : metric.kind == MetricKindOf::SquaredError ? difference * difference
                                                       : fabs(difference);
  }
  return warpSum(sum) * perOutput;
}

// In parts: others may wait for the gradient, nobody waits for the results. PLAIN: it is known to be softmax and cross-entropy,
// metrics accuracy.
template <bool kPlain>
class LossRow {
 public:
  // z: logits; p: where predictions go.
  DEVICE LossRow(const Loss& loss, const Step& step, int row, const Target& target, const float* z, float* p)
      : loss_(loss), step_(step), row_(row), target_(target), z_(z), p_(p), crossentropy_(kPlain || loss.kind <= LossKindOf::SparseCategoricalCrossentropy),
        softmax_(kPlain || loss.output == ActivationKind::Softmax), soft_(z, crossentropy_ || softmax_ ? loss.outputs : 0) {}

  // First of all.
  DEVICE void predict() const {
#pragma unroll 1
    for (int i = laneOf(); i < loss_.outputs; i += 32) p_[i] = softmax_ ? soft_.at(z_[i]) : activated(loss_.output, z_[i]);
  }

  // d: with respect to the logits.
  DEVICE void gradient(float* d) const {
    const int n = loss_.outputs;
    float scale = target_.weight / static_cast<float>(step_.rows);
    if (!crossentropy_) scale /= static_cast<float>(n);
#pragma unroll 1
    for (int i = laneOf(); i < n; i += 32) {
      const float y = target_.at(i), difference = p_[i] - y;
      if (crossentropy_) {
        d[i] = ((softmax_ ? p_[i] : soft_.at(z_[i])) - y) * scale;
      } else if (loss_.kind == LossKindOf::BinaryCrossentropy) {
        d[i] = (sigmoid(z_[i]) - y) * scale;
      } else {
        d[i] = scale * slopeAt(difference);
        if (!softmax_) d[i] *= slope(loss_.output, p_[i], z_[i]);
      }
    }
    if (softmax_ && !crossentropy_ && loss_.kind != LossKindOf::BinaryCrossentropy) softmaxBack(p_, d, n);
  }

  DEVICE void results() const {
    const int n = loss_.outputs, lane = laneOf();
    double sum = 0;
#pragma unroll 1
    for (int i = lane; i < n; i += 32) {
      const float y = target_.at(i), difference = p_[i] - y;
      if (crossentropy_) {
        if (y != 0.0f) sum += y * soft_.loss(z_[i]);  // a target of 0 counts nothing, however far away its logit is
      } else if (loss_.kind == LossKindOf::BinaryCrossentropy) {
        sum += (z_[i] < 0.0f ? 0.0f : z_[i]) - z_[i] * y + log1pf(expf(-fabsf(z_[i])));
      } else {
        sum += valueAt(difference);
      }
    }
    sum = warpSum(sum);
    if (!crossentropy_) sum *= loss_.perOutput;
    __syncwarp();  // a metric may look at what another lane has written
    const long long result = step_.resultRow(row_);
    if (lane == 0) loss_.rowLosses[result] = sum * target_.weight;
    for (int m = 0; m < loss_.metrics; ++m) {
      const double value = metricOf<kPlain>(loss_.metric[m], p_, target_, n, loss_.perOutput);
      if (lane == 0) loss_.rowMetrics[result * loss_.metrics + m] = value;
    }
  }

 private:
  // Of a loss of differences, at one; and its derivative.
  DEVICE double valueAt(float difference) const {
    const double far = fabsf(difference);
    if (loss_.kind == LossKindOf::SquaredError) return far * far;
    if (loss_.kind == LossKindOf::AbsoluteError) return far;
    return far <= loss_.delta ? 0.5 * far * far : loss_.delta * (far - 0.5 * loss_.delta);
  }
  DEVICE float slopeAt(float difference) const {
    if (loss_.kind == LossKindOf::SquaredError) return 2.0f * difference;
    if (loss_.kind == LossKindOf::AbsoluteError) return static_cast<float>((difference > 0.0f) - (difference < 0.0f));
    return difference > loss_.delta ? loss_.delta : difference < -loss_.delta ? -loss_.delta : difference;
  }

  const Loss& loss_;
  const Step& step_;
  const int row_;
  const Target& target_;
  const float* const z_;
  float* const p_;
  const bool crossentropy_, softmax_;
  const Softmax soft_;
};

}  // namespace fusor::cuda
