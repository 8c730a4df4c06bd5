// Elementwise activations and their derivatives. NaN goes in, NaN comes out.
#pragma once
#include "params.h"
#include "platform.h"

namespace fusor::cuda {

DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

DEVICE float activated(ActivationKind kind, float x) {
  switch (kind) {
    case ActivationKind::Relu: return x < 0.0f ? 0.0f : x;
    case ActivationKind::Sigmoid: return sigmoid(x);
    case ActivationKind::Tanh: return tanhf(x);
    case ActivationKind::Elu: return x > 0.0f ? x : expm1f(x);
    case ActivationKind::Gelu: return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    default: return x;
  }
}

// Derivative at z, from y = activated(z) wherever y suffices.
DEVICE float slope(ActivationKind kind, float y, float z) {
  switch (kind) {
    case ActivationKind::Relu: return y > 0.0f ? 1.0f : 0.0f;
    case ActivationKind::Sigmoid: return y * (1.0f - y);
    case ActivationKind::Tanh: return fmaf(-y, y, 1.0f);
    case ActivationKind::Elu: return y > 0.0f ? 1.0f : y + 1.0f;
    case ActivationKind::Gelu:
      return fmaf(z, 0.39894228040143268f * expf(-0.5f * z * z), 0.5f * (1.0f + erff(z * 0.70710678118654752f)));
    default: return 1.0f;
  }
}

// Those that no product carries: selu's constants are those of Klambauer et al., NIPS 2017.
constexpr float kSeluScale = 1.05070098735548049342f, kSeluAlpha = 1.67326324235437728481f;

DEVICE float activatedApart(ActivationKind kind, float negativeSlope, float x) {
  switch (kind) {
    case ActivationKind::Silu: return x * sigmoid(x);
    case ActivationKind::Selu: return kSeluScale * (x > 0.0f ? x : kSeluAlpha * expm1f(x));
    case ActivationKind::Softplus: return (x < 0.0f ? 0.0f : x) + log1pf(expf(-fabsf(x)));
    case ActivationKind::LeakyRelu: return x > 0.0f ? x : negativeSlope * x;
    default: return activated(kind, x);
  }
}

// Derivative at x, where y = activatedApart(x).
DEVICE float slopeApart(ActivationKind kind, float negativeSlope, float y, float x) {
  switch (kind) {
    case ActivationKind::Silu: {
      const float s = sigmoid(x);
      return s * fmaf(x, 1.0f - s, 1.0f);
    }
    case ActivationKind::Selu: return x > 0.0f ? kSeluScale : kSeluScale * kSeluAlpha * expf(x);
    case ActivationKind::Softplus: return sigmoid(x);
    case ActivationKind::LeakyRelu: return x > 0.0f ? 1.0f : negativeSlope;
    default: return slope(kind, y, x);
  }
}

}  // namespace fusor::cuda
