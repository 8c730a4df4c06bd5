// The optimisers, on vectors of a gradient. The formulas are the contract's (src/backend/contract.ts).
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

  // Updates N vectors, the n-th at w + at(n), from their gradients g; s0 and s1 are the optimiser's slots at the same places.
  // In step, an operation of all N before the next: one vector's chain of operations is longer than what a processor looks
  // ahead, above all one that shares itself between two threads.
  template <int N, class At>
  inline __attribute__((always_inline)) void operator()(const V* g, float* w, float* s0, float* s1, At at) const {
    const auto each = [](auto f) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) f(n);
    };
    if constexpr (K == UpdateKind::Store) {
      each([&](int n) { store(w + at(n), g[n]); });
    } else if constexpr (K == UpdateKind::Sgd) {
      each([&](int n) { store(w + at(n), fnma(rate, g[n], load(w + at(n)))); });
    } else if constexpr (K == UpdateKind::Momentum || K == UpdateKind::Nesterov) {
      each([&](int n) {
        const V step = mul(rate, g[n]);
        const V velocity = sub(mul(decay1, load(s0 + at(n))), step);
        store(s0 + at(n), velocity);
        store(w + at(n), add(load(w + at(n)), K == UpdateKind::Nesterov ? sub(mul(decay1, velocity), step) : velocity));
      });
    } else if constexpr (K == UpdateKind::Adam || K == UpdateKind::AdamW) {
      V m[N], v[N];
      each([&](int n) {
        m[n] = load(s0 + at(n)), v[n] = load(s1 + at(n));
        if constexpr (N <= kHeld) hold(m[n]), hold(v[n]);
      });
      each([&](int n) { m[n] = fma(sub(g[n], m[n]), blend1, m[n]); });
      each([&](int n) { v[n] = fma(sub(mul(g[n], g[n]), v[n]), blend2, v[n]); });
      each([&](int n) { store(s0 + at(n), m[n]), store(s1 + at(n), v[n]); });
      root<N>(v);
      each([&](int n) { v[n] = add(v[n], epsilon); });
      quotient<N>(m, v);
      each([&](int n) {
        V value = load(w + at(n));
        if constexpr (K == UpdateKind::AdamW) value = fnma(shrink, value, value);
        store(w + at(n), fnma(rate, m[n], value));
      });
    } else {
      V q[N], v[N];
      each([&](int n) { v[n] = fma(decay1, load(s0 + at(n)), mul(blend1, mul(g[n], g[n]))); });
      each([&](int n) { store(s0 + at(n), v[n]); });
      each([&](int n) { v[n] = add(v[n], epsilon), q[n] = mul(rate, g[n]); });
      root<N>(v);
      quotient<N>(q, v);
      each([&](int n) { store(w + at(n), sub(load(w + at(n)), q[n])); });
    }
  }
};

inline long inOrder(int n) { return static_cast<long>(n) * W; }

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

// `count` vectors of gradients, one after the other, handed to the optimiser; the first one's weights lie at `at`, the others so
// far apart.
inline void updateRows(const LayerUpdate& d, long at, long apart, const float* g, int count) {
  withUpdate(d.update.kind, [&]<UpdateKind K>() {
    const Rule<K> rule(d.update);
    float *w = d.w + at, *slot0 = d.slot0 + at, *slot1 = d.slot1 + at;
    const auto inColumn = [=](int n) { return n * apart; };
    int i = 0;
    for (; i + 4 <= count; i += 4, w += 4 * apart, slot0 += 4 * apart, slot1 += 4 * apart, g += 4 * W) {
      const V four[4] = {load(g), load(g + W), load(g + 2 * W), load(g + 3 * W)};
      rule.template operator()<4>(four, w, slot0, slot1, inColumn);
    }
    for (; i < count; ++i, w += apart, slot0 += apart, slot1 += apart, g += W) {
      const V one[1] = {load(g)};
      rule.template operator()<1>(one, w, slot0, slot1, inColumn);
    }
  });
}

// Of a panel's second vector, where it is padding. Only where gradients are to be seen, padding and all, is something to be done.
inline void storePadding(const LayerUpdate& d, long at, int rows) {
  for (int i = 0; i < rows && d.update.kind == UpdateKind::Store; ++i) store(d.w + at + i * kWidth + W, set1(0.0f));
}

// Of N vectors of a panel; dz begins with it. Four sums at a time: one would wait for itself.
template <int N>
inline void sumRows(const float* dz, long lddz, int rows, V* total) {
  V sums[4][N];
  for (auto& sum : sums) {
    for (V& x : sum) x = set1(0.0f);
  }
  const auto addRow = [&](int r, V* sum) {
    for (int n = 0; n < N; ++n) sum[n] = add(sum[n], load(dz + r * lddz + n * W));
  };
  int r = 0;
  for (; r + 4 <= rows; r += 4) addRow(r, sums[0]), addRow(r + 1, sums[1]), addRow(r + 2, sums[2]), addRow(r + 3, sums[3]);
  if (r < rows) addRow(r, sums[0]);
  if (r + 1 < rows) addRow(r + 1, sums[1]);
  if (r + 2 < rows) addRow(r + 2, sums[2]);
  for (int n = 0; n < N; ++n) total[n] = add(add(sums[0][n], sums[1][n]), add(sums[2][n], sums[3][n]));
}

inline void updateBias(const LayerUpdate& u) {
  withUpdate(u.update.kind, [&]<UpdateKind K>() {
    const Rule<K> rule(u.update);
    for (int p = u.panels.begin; p < u.panels.end; ++p) {
      const long column = static_cast<long>(p) * kWidth;
      V gradient[2] = {set1(0.0f), set1(0.0f)};
      u.outputs - column > W ? sumRows<2>(u.dz + column, u.lddz, u.rows, gradient)
                             : sumRows<1>(u.dz + column, u.lddz, u.rows, gradient);
      rule.template operator()<2>(gradient, u.bias + column, u.biasSlot0 + column, u.biasSlot1 + column, inOrder);
    }
  });
}

}  // namespace
