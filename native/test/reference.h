// The definition in float64 that the kernels are measured against. Formulas: src/backend/contract.ts.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/kernels.h"

namespace fusor::test {

inline constexpr double kUnit = 0x1p-24;  // half an ulp of float32, relative
inline constexpr double kTiny =
    0x1p-126;  // the smallest normal float32: below it, precision fades and may be flushed

inline std::vector<double> wide(const std::vector<float>& m) { return {m.begin(), m.end()}; }

struct Sums {
  std::vector<double> value, magnitude;
};

// value[i, j] = sum_k a[i, k] b[k, j]; magnitude the same of the absolute values.
inline Sums product(const std::vector<double>& a, const std::vector<double>& b, int m, int inner, int n) {
  Sums sums{std::vector<double>(static_cast<size_t>(m) * n), std::vector<double>(static_cast<size_t>(m) * n)};
  for (int i = 0; i < m; ++i) {
    double* value = &sums.value[static_cast<size_t>(i) * n];
    double* magnitude = &sums.magnitude[static_cast<size_t>(i) * n];
    for (int k = 0; k < inner; ++k) {
      const double x = a[static_cast<size_t>(i) * inner + k];
      const double* row = &b[static_cast<size_t>(k) * n];
      for (int j = 0; j < n; ++j) {
        const double term = x * row[j];
        value[j] += term;
        magnitude[j] += std::fabs(term);
      }
    }
  }
  return sums;
}

// What every honest order of summing k products in float32 keeps; TF32 or a lost term does not.
inline double gateBound(int k) { return std::max(8.0, std::sqrt(k)); }

inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }

inline double activation(Nonlinearity a, double x) {
  switch (a.kind) {
    case Activation::Relu:
      return x < 0 ? 0 : x;
    case Activation::Sigmoid:
      return logistic(x);
    case Activation::Tanh:
      return std::tanh(x);
    case Activation::Elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::Gelu:
      return 0.5 * x * std::erfc(-x * M_SQRT1_2);
    case Activation::Silu:
      return x * logistic(x);
    case Activation::Selu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case Activation::Softplus:
      return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
    case Activation::LeakyRelu:
      return x > 0 ? x : a.negativeSlope * x;
    default:
      return x;
  }
}

// Derivative at z, where y = activation(z).
inline double slope(Nonlinearity a, double y, double z) {
  switch (a.kind) {
    case Activation::Relu:
      return y > 0 ? 1 : 0;
    case Activation::Sigmoid:
      return y * (1 - y);
    case Activation::Tanh:
      return 1 - y * y;
    case Activation::Elu:
      return y > 0 ? 1 : y + 1;
    case Activation::Gelu:
      return 0.5 * std::erfc(-z * M_SQRT1_2) + z * std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
    case Activation::Silu:
      return logistic(z) * (1 + z * logistic(-z));
    case Activation::Selu:
      return z > 0 ? kSeluScale : kSeluScale * kSeluAlpha * std::exp(z);
    case Activation::Softplus:
      return logistic(z);
    case Activation::LeakyRelu:
      return z > 0 ? 1 : a.negativeSlope;
    default:
      return 1;
  }
}

// |error| <= kUnit (ofResult |wanted| + ofInput |x|) + kTiny. About twice the worst that was measured (said
// beside it).
struct ErrorBound {
  double ofResult, ofInput;
  double at(double x, double wanted) const {
    const double input = ofInput == 0 ? 0 : ofInput * std::fabs(x);
    return kUnit * (ofResult * std::fabs(wanted) + input) + kTiny;
  }
};

inline ErrorBound activationBound(Activation a) {
  switch (a) {
    case Activation::Sigmoid:
      return {6, 0};  // 3.03
    case Activation::Tanh:
      return {12, 0};  // 5.94 without fused multiply-add, 4.39 with
    case Activation::Elu:
      return {7, 0};  // 3.46
    case Activation::Gelu:
      return {0, 8};  // 4.09; its left tail is a difference of nearly equal numbers
    case Activation::Silu:
      return {8, 0x1p-101};  // 3.89; an e^x that underflows is 0
    case Activation::Selu:
      return {9, 0};  // 4.32
    case Activation::Softplus:
      return {9, 0};  // 4.19
    case Activation::LeakyRelu:
      return {1, 0};  // a product, rounded once
    default:
      return {0, 0};
  }
}

// Of the slope, in kUnit, absolute: slopes lie in [-0.13, 1.13].
inline double slopeBound(Activation a) {
  switch (a) {
    case Activation::Sigmoid:
      return 0.75;  // 0.375
    case Activation::Tanh:
      return 1.5;  // 0.75
    case Activation::Elu:
      return 1;  // 0.5
    case Activation::Gelu:
      return 9;  // 4.33
    case Activation::Silu:
      return 8;  // 3.76
    case Activation::Selu:
      return 6;  // 2.78
    case Activation::Softplus:
      return 3;  // 1.49
    default:
      return 0;
  }
}

// An optimiser as the contract describes it, in float64.
struct Optimizer {
  UpdateKind kind;
  double rate = 0.001, decay1 = 0.9, decay2 = 0.999, epsilon = 1e-7, weightDecay = 0.004;

  double corrected(long t) const {
    return rate * std::sqrt(1 - std::pow(decay2, t)) / (1 - std::pow(decay1, t));
  }

  // Step t = 1, 2, … of one weight and its slots.
  void step(long t, double g, double& w, double& s0, double& s1) const {
    switch (kind) {
      case UpdateKind::Store:
        w = g;
        break;
      case UpdateKind::Sgd:
        w -= rate * g;
        break;
      case UpdateKind::Momentum:
        w += s0 = decay1 * s0 - rate * g;
        break;
      case UpdateKind::Nesterov:
        s0 = decay1 * s0 - rate * g;
        w += decay1 * s0 - rate * g;
        break;
      case UpdateKind::AdamW:
        w -= rate * weightDecay * w;
        [[fallthrough]];
      case UpdateKind::Adam:
        s0 += (g - s0) * (1 - decay1);
        s1 += (g * g - s1) * (1 - decay2);
        w -= corrected(t) * s0 / (std::sqrt(s1) + epsilon);
        break;
      case UpdateKind::Rmsprop:
        s0 = decay1 * s0 + (1 - decay1) * g * g;
        w -= rate * g / std::sqrt(s0 + epsilon);
        break;
    }
  }

  // The constants that a kernel gets for step t.
  Update constants(long t) const {
    const bool adam = kind == UpdateKind::Adam || kind == UpdateKind::AdamW;
    const auto f = [](double x) { return static_cast<float>(x); };
    Update u{};
    u.kind = kind, u.rate = f(adam ? corrected(t) : rate);
    u.decay1 = f(decay1), u.blend1 = f(1 - decay1), u.decay2 = f(decay2), u.blend2 = f(1 - decay2);
    u.epsilon = f(epsilon), u.shrink = f(rate * weightDecay);
    return u;
  }
};

}  // namespace fusor::test
