// Activations over dense sweeps of float32, and the other kernels that work value by value.
#include <limits>

#include "check.h"

namespace fusor::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr Activation kElementwise[] = {Activation::Linear, Activation::Relu, Activation::Sigmoid,
                                       Activation::Tanh,   Activation::Elu,  Activation::Gelu};
// With what no Dense layer carries; the slope is of LeakyRelu alone.
constexpr float kNegativeSlope = 0.3f;
constexpr Activation kAll[] = {Activation::Linear, Activation::Relu, Activation::Sigmoid, Activation::Tanh,     Activation::Elu,
                               Activation::Gelu,   Activation::Silu, Activation::Selu,    Activation::Softplus, Activation::LeakyRelu};

// Every 8191st of all bit patterns (all exponents and signs, denormals, NaNs and infinities among them), the
// interesting interval in even steps, and what is special.
const std::vector<float>& sweep() {
  static const std::vector<float> values = [] {
    std::vector<float> all{0.0f,           -0.0f,    kInf,    -kInf,     NAN,        -NAN,
                           poison(),       1e-45f,   -1e-45f, 0x1p-126f, -0x1p-126f, 3.4028235e38f,
                           -3.4028235e38f, 88.37f,   88.38f,  -87.33f,   -87.34f,    88.73f,
                           7.9053f,        -7.9054f, -0.35f,  -0.349999f};
    for (uint64_t bits = 0; bits < 0x100000000ull; bits += 8191) {
      const uint32_t b = static_cast<uint32_t>(bits);
      float x;
      std::memcpy(&x, &b, sizeof x);
      all.push_back(x);
    }
    for (int i = -300000; i <= 300000; ++i) all.push_back(static_cast<float>(i * (100.0 / 300000)));
    for (int i = -200000; i <= 200000; ++i) all.push_back(static_cast<float>(i * (8.0 / 200000)));
    return all;
  }();
  return values;
}

// activation(z) in float64, once for all instruction sets.
const std::vector<double>& wantedActivations(Activation a) {
  static std::vector<double> all[static_cast<int>(Activation::LeakyRelu) + 1];
  std::vector<double>& values = all[static_cast<int>(a)];
  if (values.empty()) {
    // A float's infinity is reached before a double's.
    const double most = std::numeric_limits<float>::max();
    for (float x : sweep()) {
      const double y = activation({a, kNegativeSlope}, x);
      values.push_back(std::fabs(y) > most ? std::copysign(kInf, y) : y);
    }
  }
  return values;
}

void activations(const Kernels& kernels, Report& report) {
  const std::vector<float>& x = sweep();
  const long n = static_cast<long>(x.size());
  for (Activation a : kAll) {
    report.group(kernels.name, format("activate %s", nameOf(a)), "ulp");
    Judge judge;
    std::vector<float> y(n);
    kernels.activate({a, kNegativeSlope}, x.data(), y.data(), n);
    const auto& wanted = wantedActivations(a);
    double worst = 0, worstAt = 0;
    for (long i = 0; i < n; ++i) {
      const ErrorBound bound = activationBound(a);
      judge.within("y", 0, i, y[i], wanted[i], bound.at(x[i], wanted[i]));
      if (!std::isfinite(x[i]) || y[i] == wanted[i]) continue;
      const double error = std::fabs(y[i] - wanted[i]) - kTiny;
      const double units = error / kUnit / (bound.ofInput > 0 ? std::fabs(x[i]) : std::fabs(wanted[i]));
      if (units > worst) worst = units, worstAt = x[i];
    }
    report.add("sweep", judge);
    report.note(format("%ld values; worst error %.2f x 2^-24 x |%s| at %.9g", n, worst,
                       activationBound(a).ofInput > 0 ? "x" : "y", worstAt));
    std::vector<float> inPlace(x);
    kernels.activate({a, kNegativeSlope}, inPlace.data(), inPlace.data(), n);
    Judge same;
    sameAs(same, "in place", inPlace, y);
    report.add("in place", same);
  }
}

void slopes(const Kernels& kernels, Report& report) {
  std::vector<float> z;
  for (float x : sweep()) {
    if (std::isfinite(x)) z.push_back(x);
  }
  const long n = static_cast<long>(z.size());
  const std::vector<float> one(n, 1.0f);
  for (Activation a : kAll) {
    report.group(kernels.name, format("activateBackward %s", nameOf(a)), "x 2^-24");
    std::vector<float> y(n), dx(n);
    for (long i = 0; i < n; ++i) y[i] = static_cast<float>(activation({a, kNegativeSlope}, z[i]));
    Judge judge;
    const float* const before = a >= Activation::Gelu ? z.data() : nullptr;
    kernels.activateBackward({a, kNegativeSlope}, y.data(), before, one.data(), dx.data(), n);
    for (long i = 0; i < n; ++i) judge.near("dx", 0, i, dx[i], slope({a, kNegativeSlope}, y[i], z[i]), kUnit, slopeBound(a));
    report.add("sweep", judge);
    std::vector<float> inPlace(one);
    kernels.activateBackward({a, kNegativeSlope}, y.data(), before, inPlace.data(), inPlace.data(), n);
    Judge same;
    sameAs(same, "in place", inPlace, dx);
    report.add("in place", same);
  }
}

// Of logits and targets in all their combinations of sign and size; NaN and infinity are what the formula makes of them.
void binaryCrossentropies(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "binaryCrossentropy", "x 2^-24");
  constexpr double kBound = 8;  // twice the worst that was measured
  Judge judge;
  for (float y : {0.0f, 1.0f, 0.3f}) {
    const std::vector<float>& z = sweep();
    const long n = static_cast<long>(z.size());
    std::vector<float> loss(n);
    kernels.binaryCrossentropy(z.data(), std::vector<float>(n, y).data(), loss.data(), n);
    for (long i = 0; i < n; ++i) {
      const double x = z[i], positive = x < 0 ? 0 : x, product = x * y, rest = std::log1p(std::exp(-std::fabs(x)));
      const double wanted = positive - product + rest;
      // A float's infinity is reached before a double's.
      if (std::isnan(wanted) || std::isinf(x)) {
        judge.expect(!std::isfinite(loss[i]), format("of %g and %g: %g", x, y, loss[i]));
      } else {
        judge.within("loss", 0, i, loss[i], wanted, kBound * kUnit * (positive + std::fabs(product) + rest) + kTiny);
      }
    }
  }
  report.add("sweep", judge);
}

// Values that are fixed, to the sign of zero.
void special(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "special values");
  struct Fixed {
    Activation a;
    float x, y;
  };
  const Fixed table[] = {{Activation::Relu, NAN, NAN},      {Activation::Relu, -0.0f, -0.0f},
                         {Activation::Relu, 0.0f, 0.0f},    {Activation::Relu, kInf, kInf},
                         {Activation::Relu, -kInf, 0.0f},   {Activation::Relu, 1e-45f, 1e-45f},
                         {Activation::Relu, -1e-45f, 0.0f}, {Activation::Sigmoid, 0.0f, 0.5f},
                         {Activation::Sigmoid, kInf, 1.0f}, {Activation::Sigmoid, NAN, NAN},
                         {Activation::Tanh, kInf, 1.0f},    {Activation::Tanh, -kInf, -1.0f},
                         {Activation::Tanh, NAN, NAN},      {Activation::Tanh, -0.0f, -0.0f},
                         {Activation::Elu, -kInf, -1.0f},   {Activation::Elu, kInf, kInf},
                         {Activation::Elu, NAN, NAN},       {Activation::Elu, -0.0f, -0.0f},
                         {Activation::Gelu, kInf, kInf},    {Activation::Gelu, NAN, NAN},
                         {Activation::Gelu, 0.0f, 0.0f},    {Activation::Gelu, 1e30f, 1e30f},
                         {Activation::Silu, 0.0f, 0.0f},    {Activation::Silu, kInf, kInf},
                         {Activation::Silu, NAN, NAN},      {Activation::Silu, -1e30f, -0.0f},
                         {Activation::Selu, kInf, kInf},    {Activation::Selu, NAN, NAN},
                         {Activation::Selu, 0.0f, 0.0f},    {Activation::Softplus, kInf, kInf},
                         {Activation::Softplus, -kInf, 0},  {Activation::Softplus, NAN, NAN},
                         {Activation::LeakyRelu, 2, 2},     {Activation::LeakyRelu, NAN, NAN},
                         {Activation::LeakyRelu, -kInf, -kInf},
                         {Activation::Linear, NAN, NAN},    {Activation::Linear, -0.0f, -0.0f}};
  for (const Fixed& f : table) {
    // In a whole vector and in a tail, first and last.
    for (long n : {1L, static_cast<long>(kernels.width), static_cast<long>(kernels.width) + 3}) {
      Judge judge;
      std::vector<float> x(n, 0.25f), y(n);
      x.front() = x.back() = f.x;
      kernels.activate({f.a, kNegativeSlope}, x.data(), y.data(), n);
      for (float got : {y.front(), y.back()}) {
        if (std::isnan(f.y))
          judge.expect(std::isnan(got), format("got %g, wanted NaN", got));
        else
          judge.same("y", 0, n, got, f.y);
      }
      report.add(format("%s(%g), n %ld", nameOf(f.a), f.x, n), judge);
    }
  }
  for (Activation a : kElementwise)
    report.add(format("NaN through Dense %s", nameOf(a)), checkNan(kernels, a));
}

}  // namespace

void compareElementwise(const Kernels& kernels, Report& report) {
  activations(kernels, report);
  binaryCrossentropies(kernels, report);
  slopes(kernels, report);
  special(kernels, report);
  compareLengths(kernels, report);
  compareSoftmax(kernels, report);
  compareWholes(kernels, report);
  compareNormalization(kernels, report);
}

}  // namespace fusor::test
