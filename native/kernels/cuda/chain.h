// What follows a product, four columns at a time: bias is in already; activation, then the elementwise layers after it.
#pragma once
#include "activation.h"
#include "philox.h"

namespace fusor::cuda {

// A row's columns [n, n + 4), of which `valid` exist.
DEVICE void load4(const float* from, float (&v)[4]) {
  const float4 q = *reinterpret_cast<const float4*>(from);
  v[0] = q.x, v[1] = q.y, v[2] = q.z, v[3] = q.w;
}

DEVICE void store4(float* to, const float (&v)[4], int valid) {
  if (valid >= 4) {
    *reinterpret_cast<float4*>(to) = float4{v[0], v[1], v[2], v[3]};
    return;
  }
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    if (i < valid) to[i] = v[i];
  }
}

DEVICE void activate4(ActivationKind kind, float (&v)[4]) {
  if (kind == ActivationKind::Linear) return;
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] = activated(kind, v[i]);
}

// One layer forward; e is the first element's number in the batch.
DEVICE void opForward(const Op& op, const Step& step, long long e, int valid, float (&v)[4]) {
  if (op.kind == OpKind::Rescaling) {
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = fmaf(v[i], op.scale, op.offset);
  } else if (op.kind == OpKind::Activation) {
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = activatedApart(op.activation, op.scale, v[i]);
  } else if (step.training) {
    dropout(op, step, e, valid, v);
  }
}

// One layer back: d times its derivative. in and out: what it got and gave, at the same place.
DEVICE void opBack(const Op& op, const Step& step, long long e, int valid, const float* in, const float* out, float (&d)[4]) {
  if (op.kind == OpKind::Rescaling) {
#pragma unroll
    for (int i = 0; i < 4; ++i) d[i] *= op.scale;
  } else if (op.kind == OpKind::Activation) {
    float x[4], y[4];
    load4(in, x);
    load4(out, y);
#pragma unroll
    for (int i = 0; i < 4; ++i) d[i] *= slopeApart(op.activation, op.scale, y[i], x[i]);
  } else if (step.training) {
    dropout(op, step, e, valid, d);
  }
}

// v comes before the activation and goes after the whole chain; all that the way back needs is stored. PLAIN: it is known to be
// a ReLU or nothing; what else it could be is not compiled, and nobody has to jump over it.
template <bool kPlain = false>
DEVICE void chainForward(const Chain& chain, const Step& step, int row, int n, float (&v)[4]) {
  if constexpr (kPlain) {
    if (chain.activation == ActivationKind::Relu) activate4(ActivationKind::Relu, v);
    store4(chain.y + static_cast<long long>(row) * chain.ld + n, v, chain.width - n);
    return;
  }
  const long long at = static_cast<long long>(row) * chain.ld + n, e = static_cast<long long>(row) * chain.width + n;
  const int valid = chain.width - n;
  if (chain.z) store4(chain.z + at, v, valid);
  activate4(chain.activation, v);
  if (chain.y) store4(chain.y + at, v, valid);
  for (int i = 0; i < chain.count; ++i) {
    opForward(chain.ops[i], step, e, valid, v);
    store4(chain.ops[i].out + at, v, valid);
  }
}

// d, the gradient after the chain, becomes the one before the activation.
template <bool kPlain = false>
DEVICE void chainBack(const Chain& chain, const Step& step, int row, int n, float (&d)[4]) {
  if (kPlain && chain.activation == ActivationKind::Linear) return;
  const long long at = static_cast<long long>(row) * chain.ld + n, e = static_cast<long long>(row) * chain.width + n;
  const int valid = chain.width - n;
  for (int i = kPlain ? 0 : chain.count; i-- > 0;) {
    opBack(chain.ops[i], step, e, valid, (i ? chain.ops[i - 1].out : chain.y) + at, chain.ops[i].out + at, d);
  }
  if (chain.activation == ActivationKind::Linear) return;
  float y[4], z[4] = {};
  load4(chain.y + at, y);
  if (!kPlain && chain.z) load4(chain.z + at, z);
#pragma unroll
  for (int i = 0; i < 4; ++i) d[i] *= slope(kPlain ? ActivationKind::Relu : chain.activation, y[i], z[i]);
}

}  // namespace fusor::cuda
