// Activations and their derivatives on vectors. NaN goes in, NaN comes out.
#pragma once
#include <cmath>
#include <cstring>

#include "kernels.h"
#include "transpose.h"

namespace {

using fusor::Activation;
using fusor::Nonlinearity;
using fusor::SoftmaxRows;

// e^x to about 1 ulp: Cephes' expf (reduction by ln 2 in two parts, then a polynomial). Underflows to 0 below -87.33;
// above 88.37 it stays at e^88.37.
inline V exponential(V x) {
  const V clamped = minKeepNan(set1(88.3762626f), maxKeepNan(set1(-87.3365479f), x));
  const V n = round(mul(clamped, set1(1.44269504088896341f)));
  V r = fnma(n, set1(0.693359375f), clamped);
  r = fnma(n, set1(-2.12194440e-4f), r);
  V p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = fma(p, mul(r, r), add(r, set1(1.0f)));
  // The flush keeps softmax exact for logits that are far away; the comparison is false for NaN.
  return select(greater(set1(-87.3365479f), x), set1(0.0f), scale2(p, minKeepNan(set1(127.0f), n)));
}

// e^x - 1 for x <= 0. Near 0 the difference would cancel: there the Taylor series to x^7 is exact to float32.
inline V exponentialMinusOne(V x) {
  V p = set1(1.0f / 5040.0f);
  p = fma(p, x, set1(1.0f / 720.0f));
  p = fma(p, x, set1(1.0f / 120.0f));
  p = fma(p, x, set1(1.0f / 24.0f));
  p = fma(p, x, set1(1.0f / 6.0f));
  p = fma(p, x, set1(0.5f));
  p = fma(p, x, set1(1.0f));
  return select(greater(x, set1(-0.35f)), mul(p, x), sub(exponential(x), set1(1.0f)));
}

// log(1 + e^x) for x <= 0: with s = e^x / (2 + e^x), which is at most 1/3, the series of 2 artanh s to s^15 is exact to float32.
inline V logarithmOfOnePlusExponential(V x) {
  const V e = exponential(x), s = div(e, add(set1(2.0f), e)), square = mul(s, s);
  V p = set1(2.0f / 15);
  p = fma(p, square, set1(2.0f / 13));
  p = fma(p, square, set1(2.0f / 11));
  p = fma(p, square, set1(2.0f / 9));
  p = fma(p, square, set1(2.0f / 7));
  p = fma(p, square, set1(2.0f / 5));
  p = fma(p, square, set1(2.0f / 3));
  return mul(s, fma(p, square, set1(2.0f)));
}

inline V logistic(V x) { return div(set1(1.0f), add(set1(1.0f), exponential(sub(set1(0.0f), x)))); }

// Odd rational minimax approximation (the coefficients that Eigen and XLA use; a few ulp), clamped where it reaches 1
// exactly: a different place with and without fused multiply-add.
inline V hyperbolicTangent(V x) {
  constexpr float kOne = kFused ? 7.99881172180175781f : 7.90531110763549805f;
  x = minKeepNan(set1(kOne), maxKeepNan(set1(-kOne), x));
  const V s = mul(x, x);
  V p = set1(-2.76076847742355e-16f);
  p = fma(p, s, set1(2.00018790482477e-13f));
  p = fma(p, s, set1(-8.60467152213735e-11f));
  p = fma(p, s, set1(5.12229709037114e-08f));
  p = fma(p, s, set1(1.48572235717979e-05f));
  p = fma(p, s, set1(6.37261928875436e-04f));
  p = fma(p, s, set1(4.89352455891786e-03f));
  V q = set1(1.19825839466702e-06f);
  q = fma(q, s, set1(1.18534705686654e-04f));
  q = fma(q, s, set1(2.26843463243900e-03f));
  q = fma(q, s, set1(4.89352518554385e-03f));
  return div(mul(x, p), q);
}

// Odd rational minimax approximation on [-4, 4], beyond which erf rounds to 1 (Eigen's and XLA's coefficients).
inline V errorFunction(V x) {
  x = minKeepNan(set1(4.0f), maxKeepNan(set1(-4.0f), x));
  const V s = mul(x, x);
  V p = set1(-2.72614225801306e-10f);
  p = fma(p, s, set1(2.77068142495902e-08f));
  p = fma(p, s, set1(-2.10102402082508e-06f));
  p = fma(p, s, set1(-5.69250639462346e-05f));
  p = fma(p, s, set1(-7.34990630326855e-04f));
  p = fma(p, s, set1(-2.95459980854025e-03f));
  p = fma(p, s, set1(-1.60960333262415e-02f));
  V q = set1(-1.45660718464996e-05f);
  q = fma(q, s, set1(-2.13374055278905e-04f));
  q = fma(q, s, set1(-1.68282697438203e-03f));
  q = fma(q, s, set1(-7.37332916720468e-03f));
  q = fma(q, s, set1(-1.42647390514189e-02f));
  return div(mul(x, p), q);
}

template <Activation A>
inline V activated(V x) {
  const V zero = set1(0.0f), one = set1(1.0f);
  if constexpr (A == Activation::Relu) return maxKeepNan(zero, x);
  if constexpr (A == Activation::Sigmoid) return logistic(x);
  if constexpr (A == Activation::Tanh) return hyperbolicTangent(x);
  // Not "x where x > 0": a NaN must take the branch that computes with it.
  if constexpr (A == Activation::Elu) return select(greater(x, zero), x, exponentialMinusOne(x));
  if constexpr (A == Activation::Gelu) {
    return mul(mul(set1(0.5f), x), add(one, errorFunction(mul(x, set1(0.70710678118654752f)))));
  }
  return x;
}

// Derivative at z, from y = activation(z) wherever y suffices.
template <Activation A>
inline V slope(V y, V z) {
  const V zero = set1(0.0f), one = set1(1.0f);
  if constexpr (A == Activation::Relu) return select(greater(y, zero), one, zero);
  if constexpr (A == Activation::Sigmoid) return mul(y, sub(one, y));
  if constexpr (A == Activation::Tanh) return fnma(y, y, one);
  if constexpr (A == Activation::Elu) return select(greater(y, zero), one, add(y, one));
  if constexpr (A == Activation::Gelu) {
    const V cumulative = mul(set1(0.5f), add(one, errorFunction(mul(z, set1(0.70710678118654752f)))));
    const V density = mul(set1(0.39894228040143268f), exponential(mul(set1(-0.5f), mul(z, z))));
    return fma(z, density, cumulative);
  }
  return one;
}

// Calls f.template operator()<A>() for the run-time value: one switch a call instead of one an element.
template <class F>
inline void withActivation(Activation a, F f) {
  switch (a) {
    case Activation::Relu: return f.template operator()<Activation::Relu>();
    case Activation::Sigmoid: return f.template operator()<Activation::Sigmoid>();
    case Activation::Tanh: return f.template operator()<Activation::Tanh>();
    case Activation::Elu: return f.template operator()<Activation::Elu>();
    case Activation::Gelu: return f.template operator()<Activation::Gelu>();
    default: return f.template operator()<Activation::Linear>();
  }
}

// Applies f(vector…) -> vector over n values of each input.
template <class F, class... P>
inline void map(long n, float* out, F f, P... in) {
  long i = 0;
  for (; i + W <= n; i += W) store(out + i, f(load(in + i)...));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    storeTail(out + i, f(loadTail(in + i, rest)...), rest);
  }
}

constexpr int kShort = 32;  // values of a row that are summed one after the other

// A NaN is or is not.
inline float greatestOf(const float* x, long n) {
  float greatest = x[0];
  long i = 1;
  if (n > kShort) {
    V lanes = load(x);
    for (i = W; i + W <= n; i += W) lanes = maxKeepNan(lanes, load(x + i));
    float each[W];
    store(each, lanes);
    for (float value : each) greatest = value > greatest ? value : greatest;
  }
  for (; i < n; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  return greatest;
}

// Of one row; returns the logarithm of the sum of the exponentials. A NaN anywhere makes every output NaN, as the formula has it.
inline double softmax(const float* x, float* y, long n) {
  const float greatest = greatestOf(x, n);
  const auto exponentials = [shift = set1(greatest)](V v) { return exponential(sub(v, shift)); };
  V sums = set1(0.0f);
  long i = 0;
  for (; n > kShort && i + W <= n; i += W) {
    const V e = exponentials(load(x + i));
    sums = add(sums, e);
    store(y + i, e);
  }
  map(n - i, y + i, exponentials, x + i);
  float tail = 0;
  for (long j = i; j < n; ++j) tail += y[j];
  const float total = sum(sums) + tail;
  map(n, y, [inverse = set1(1.0f / total)](V v) { return mul(v, inverse); }, y);
  return static_cast<double>(greatest) + std::log(static_cast<double>(total));
}

// The same of up to W short rows, a row a lane: each operation on a row waits for the one before, so they wait together.
inline void softmaxLanes(const SoftmaxRows& d, int row, int count) {
  V x[kShort], lanes[W];
  for (int c = 0; c < d.n; c += W) {
    for (int r = 0; r < W; ++r) lanes[r] = r < count ? load(d.z + (row + r) * d.ld + c) : set1(0.0f);
    transpose(lanes);
    std::memcpy(x + c, lanes, sizeof lanes);
  }
  V greatest = x[0], total = set1(0.0f);
  for (int i = 1; i < d.n; ++i) greatest = maxKeepNan(greatest, x[i]);
  for (int i = 0; i < d.n; ++i) {
    x[i] = exponential(sub(x[i], greatest));
    total = add(total, x[i]);
  }
  const V inverse = div(set1(1.0f), total);
  for (int i = 0; i < d.n; ++i) x[i] = mul(x[i], inverse);
  for (int c = 0; c < d.n; c += W) {
    std::memcpy(lanes, x + c, sizeof lanes);
    transpose(lanes);
    const int columns = d.n - c < W ? d.n - c : W;
    for (int r = 0; r < count; ++r) storeTail(d.p + (row + r) * d.ld + c, lanes[r], columns);
  }
  float greatests[W], totals[W];
  store(greatests, greatest), store(totals, total);
  for (int r = 0; r < count; ++r) {
    d.logSums[row + r] = static_cast<double>(greatests[r]) + std::log(static_cast<double>(totals[r]));
  }
}

void softmaxRows(const SoftmaxRows& d) {
  constexpr int kFew = W / 4;  // rows that are through sooner one by one
  for (int r = d.rows.begin; r < d.rows.end; r += W) {
    const int count = d.rows.end - r < W ? d.rows.end - r : W;
    if (d.n <= kShort && count > kFew) {
      softmaxLanes(d, r, count);
    } else {
      for (int i = r; i < r + count; ++i) d.logSums[i] = softmax(d.z + i * d.ld, d.p + i * d.ld, d.n);
    }
  }
}

inline void softmaxBackward(const float* y, const float* dy, float* dx, long n) {
  double dot = 0;
  for (long i = 0; i < n; ++i) dot += static_cast<double>(y[i]) * dy[i];
  const V mean = set1(static_cast<float>(dot));
  map(n, dx, [&](V p, V d) { return mul(p, sub(d, mean)); }, y, dy);
}

// 1/(1 + e^-x) and what is missing to 1, each to a few ulp: 0 where e^-|x| is.
struct Logistic {
  V is, isNot;

  explicit Logistic(V x) {
    const V zero = set1(0.0f), one = set1(1.0f);
    const V e = exponential(minKeepNan(sub(zero, x), x)), inverse = div(one, add(one, e));
    is = mul(select(greater(x, zero), one, e), inverse);
    isNot = mul(select(greater(x, zero), e, one), inverse);
  }
};

// Those that no product carries.
void activateApart(Nonlinearity a, const float* x, float* y, long n) {
  const V zero = set1(0.0f);
  switch (a.kind) {
    case Activation::Silu: return map(n, y, [](V v) { return mul(v, Logistic(v).is); }, x);
    case Activation::Selu:
      return map(n, y, [=](V v) {
        return select(greater(v, zero), mul(set1(fusor::kSeluScale), v), mul(set1(fusor::kSeluScale * fusor::kSeluAlpha), exponentialMinusOne(v)));
      }, x);
    case Activation::Softplus:
      return map(n, y, [=](V v) {
        return add(maxKeepNan(zero, v), logarithmOfOnePlusExponential(minKeepNan(sub(zero, v), v)));
      }, x);
    default:
      return map(n, y, [=, slope = set1(a.negativeSlope)](V v) { return select(greater(v, zero), v, mul(slope, v)); }, x);
  }
}

void activateApartBackward(Nonlinearity a, const float* x, const float* dy, float* dx, long n) {
  const V zero = set1(0.0f), one = set1(1.0f);
  switch (a.kind) {
    case Activation::Silu:
      return map(n, dx, [=](V v, V d) {
        const Logistic s(v);
        return mul(d, mul(s.is, fma(v, s.isNot, one)));
      }, x, dy);
    case Activation::Selu:
      return map(n, dx, [=](V v, V d) {
        return mul(d, select(greater(v, zero), set1(fusor::kSeluScale), mul(set1(fusor::kSeluScale * fusor::kSeluAlpha), exponential(v))));
      }, x, dy);
    case Activation::Softplus: return map(n, dx, [](V v, V d) { return mul(d, Logistic(v).is); }, x, dy);
    default:
      return map(n, dx, [=, slope = set1(a.negativeSlope)](V v, V d) {
        return select(greater(v, zero), d, mul(slope, d));
      }, x, dy);
  }
}

void activate(Nonlinearity a, const float* x, float* y, long n) {
  if (a.kind == Activation::Softmax) {
    softmax(x, y, n);
  } else if (a.kind > Activation::Softmax) {
    activateApart(a, x, y, n);
  } else {
    withActivation(a.kind, [&]<Activation A>() { map(n, y, [](V v) { return activated<A>(v); }, x); });
  }
}

void activateBackward(Nonlinearity a, const float* y, const float* z, const float* dy, float* dx, long n) {
  if (a.kind == Activation::Softmax) return softmaxBackward(y, dy, dx, n);
  if (a.kind > Activation::Softmax) return activateApartBackward(a, z, dy, dx, n);
  if (a.kind == Activation::Gelu) {
    map(n, dx, [](V p, V v, V d) { return mul(d, slope<Activation::Gelu>(p, v)); }, y, z, dy);
    return;
  }
  withActivation(a.kind, [&]<Activation A>() { map(n, dx, [](V p, V d) { return mul(d, slope<A>(p, p)); }, y, dy); });
}

void binaryCrossentropy(const float* z, const float* y, float* loss, long n) {
  const V zero = set1(0.0f);
  const auto each = [&](V logit, V target) {
    const V positive = maxKeepNan(zero, logit), negative = minKeepNan(sub(zero, logit), logit);
    return add(fnma(logit, target, positive), logarithmOfOnePlusExponential(negative));
  };
  map(n, loss, each, z, y);
}

void scaleFloats(const float* x, float* y, long n, float scale, float offset) {
  map(n, y, [&](V v) { return fma(v, set1(scale), set1(offset)); }, x);
}

void scaleBytes(const uint8_t* x, float* y, long n, float scale, float offset) {
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, fma(loadBytes(x + i), set1(scale), set1(offset)));
  if (i == n) return;
  uint8_t lanes[16] = {};
  float out[W];
  for (long j = i; j < n; ++j) lanes[j - i] = x[j];
  store(out, fma(loadBytes(lanes), set1(scale), set1(offset)));
  for (long j = i; j < n; ++j) y[j] = out[j - i];
}

}  // namespace
