// The optimisers, on one vector of a gradient at a time. The formulas are the contract's (src/backend/contract.ts).
#pragma once
#include "kernels.h"
#include "tile.h"

namespace {

using fusor::LayerUpdate;
using fusor::Update;
using fusor::UpdateKind;

// One optimiser with its constants in registers: through memory, the compiler would have to read them again after every
// store, which might have changed them.
template <UpdateKind K>
struct Rule {
  V rate, decay1, blend1, blend2, epsilon, shrink;

  explicit Rule(const Update& u)
      : rate(set1(u.rate)), decay1(set1(u.decay1)), blend1(set1(u.blend1)), blend2(set1(u.blend2)), epsilon(set1(u.epsilon)),
        shrink(set1(u.shrink)) {}

  // Updates W values at w from their gradient g; s0 and s1 are the optimiser's slots at the same place.
  inline __attribute__((always_inline)) void operator()(V g, float* w, float* s0, float* s1) const {
    if constexpr (K == UpdateKind::Store) {
      store(w, g);
    } else if constexpr (K == UpdateKind::Sgd) {
      store(w, fnma(rate, g, load(w)));
    } else if constexpr (K == UpdateKind::Momentum || K == UpdateKind::Nesterov) {
      const V step = mul(rate, g);
      const V velocity = sub(mul(decay1, load(s0)), step);
      store(s0, velocity);
      store(w, add(load(w), K == UpdateKind::Nesterov ? sub(mul(decay1, velocity), step) : velocity));
    } else if constexpr (K == UpdateKind::Adam || K == UpdateKind::AdamW) {
      const V m0 = load(s0), v0 = load(s1);
      const V m = fma(sub(g, m0), blend1, m0);
      const V v = fma(sub(mul(g, g), v0), blend2, v0);
      store(s0, m);
      store(s1, v);
      V value = load(w);
      if constexpr (K == UpdateKind::AdamW) value = fnma(shrink, value, value);
      store(w, fnma(rate, div(m, add(sqrt(v), epsilon)), value));
    } else {
      const V v = fma(decay1, load(s0), mul(blend1, mul(g, g)));
      store(s0, v);
      store(w, sub(load(w), div(mul(rate, g), sqrt(add(v, epsilon)))));
    }
  }
};

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

inline void updateBias(const LayerUpdate& u) {
  withUpdate(u.update.kind, [&]<UpdateKind K>() {
    const Rule<K> rule(u.update);
    for (int p = u.panels.begin; p < u.panels.end; ++p) {
      const long column = static_cast<long>(p) * kWidth;
      V gradient[2] = {set1(0.0f), set1(0.0f)};
      for (int r = 0; r < u.rows; ++r) {
        const float* dz = u.dz + r * u.lddz + column;
        gradient[0] = add(gradient[0], load(dz));
        gradient[1] = add(gradient[1], load(dz + W));
      }
      for (int j = 0; j < 2; ++j) {
        const long at = column + j * W;
        rule(gradient[j], u.bias + at, u.biasSlot0 + at, u.biasSlot1 + at);
      }
    }
  });
}

}  // namespace
