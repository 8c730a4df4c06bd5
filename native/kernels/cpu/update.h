// The optimisers, on one vector of a gradient at a time. The formulas are the contract's (src/backend/contract.ts).
#pragma once
#include "kernels.h"

namespace {

using fusor::Update;
using fusor::UpdateKind;

// Updates W values at w from their gradient g; s0 and s1 are the optimiser's slots at the same place.
template <UpdateKind K>
inline void apply(const Update& u, V g, float* w, float* s0, float* s1) {
  const V rate = set1(u.rate);
  if constexpr (K == UpdateKind::Store) {
    store(w, g);
  } else if constexpr (K == UpdateKind::Sgd) {
    store(w, fnma(rate, g, load(w)));
  } else if constexpr (K == UpdateKind::Momentum || K == UpdateKind::Nesterov) {
    const V step = mul(rate, g), momentum = set1(u.decay1);
    const V velocity = sub(mul(momentum, load(s0)), step);
    store(s0, velocity);
    store(w, add(load(w), K == UpdateKind::Nesterov ? sub(mul(momentum, velocity), step) : velocity));
  } else if constexpr (K == UpdateKind::Adam || K == UpdateKind::AdamW) {
    const V m0 = load(s0), v0 = load(s1);
    const V m = fma(sub(g, m0), set1(u.blend1), m0);
    const V v = fma(sub(mul(g, g), v0), set1(u.blend2), v0);
    store(s0, m);
    store(s1, v);
    V value = load(w);
    if constexpr (K == UpdateKind::AdamW) value = fnma(set1(u.shrink), value, value);
    store(w, fnma(rate, div(m, add(sqrt(v), set1(u.epsilon))), value));
  } else {
    const V v = fma(set1(u.decay1), load(s0), mul(set1(u.blend1), mul(g, g)));
    store(s0, v);
    store(w, sub(load(w), div(mul(rate, g), sqrt(add(v, set1(u.epsilon))))));
  }
}

template <class F>
inline void withUpdate(UpdateKind kind, F f) {
  switch (kind) {
    case UpdateKind::Store: return f.template operator()<UpdateKind::Store>();
    case UpdateKind::Sgd: return f.template operator()<UpdateKind::Sgd>();
    case UpdateKind::Momentum: return f.template operator()<UpdateKind::Momentum>();
    case UpdateKind::Nesterov: return f.template operator()<UpdateKind::Nesterov>();
    case UpdateKind::Adam: return f.template operator()<UpdateKind::Adam>();
    case UpdateKind::AdamW: return f.template operator()<UpdateKind::AdamW>();
    case UpdateKind::Rmsprop: return f.template operator()<UpdateKind::Rmsprop>();
  }
}

}  // namespace
