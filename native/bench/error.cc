#include <algorithm>
#include <cmath>

#include "bench.h"

namespace fusor::bench {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr size_t kSampled = 2048;  // elements of each result

struct Wanted {
  double value = 0, magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::fabs(term);
  }
};

class Judge {
 public:
  explicit Judge(Error& error) : error_(error) {}

  // wanted(row, column) of a sample of a [rows, columns] result, its corners among them; k: terms of its sums.
  template <class F>
  void compare(const std::vector<float>& got, size_t columns, int k, F wanted) {
    if (got.empty()) return;
    const double allowed = std::max(8.0, std::sqrt(k));
    // A step without a common factor with most sizes, so that all columns are seen.
    const size_t step = std::max<size_t>(1, got.size() / kSampled) | 1;
    const auto at = [&](size_t i) {
      const Wanted w = wanted(i / columns, i % columns);
      const double s = std::fabs(got[i] - w.value) / (kUnit * std::max(w.magnitude, 0x1p-120));
      if (!(s <= 1e30)) worse(1e30, allowed);
      else worse(s, allowed);
    };
    for (size_t i = 0; i < got.size(); i += step) at(i);
    at(columns - 1), at(got.size() - columns), at(got.size() - 1);
  }

 private:
  void worse(double s, double allowed) {
    if (error_.allowed == 0 || s / allowed > error_.worst / error_.allowed) error_ = {s, allowed};
  }
  Error& error_;
};

}  // namespace

Error errorOf(const Case& c, const Data& d, const Results& results) {
  const size_t inputs = c.inputs, units = c.units, batch = c.op == Op::OptimizerStep ? 1 : c.batch;
  Error error;
  Judge judge(error);
  if (c.op == Op::SoftmaxCrossentropy) {
    judge.compare(results.y, units, c.units, [&](size_t r, size_t n) {
      const float* z = &d.dy[r * units];
      const double most = *std::max_element(z, z + units);
      double total = 0;
      for (size_t i = 0; i < units; ++i) total += std::exp(z[i] - most);
      Wanted w;
      const double p = std::exp(z[n] - most) / total;
      w.add(p / c.batch);
      w.magnitude *= 1 + std::fabs(std::log(p));  // a rounded argument of the exponential
      if (d.labels[r] == static_cast<int32_t>(n)) w.add(-1.0 / c.batch);
      return w;
    });
    return error;
  }
  if (c.op == Op::Gather) {
    judge.compare(results.y, inputs, 1, [&](size_t r, size_t k) {
      Wanted w;
      w.add(static_cast<double>(d.bytes[d.order[r] * inputs + k]) * kByteScale);
      return w;
    });
    return error;
  }
  if (c.op == Op::OptimizerStep) {  // the first step of Adam, from slots of zero
    judge.compare(results.dw, units, 1, [&](size_t k, size_t n) {
      const double g = static_cast<double>(d.x[k]) * d.dy[n], rate = kRate * std::sqrt(1 - 0.999) / (1 - 0.9);
      Wanted w;
      w.add(d.w[k * units + n]);
      w.add(-rate * g * (1 - 0.9) / (std::sqrt(g * g * (1 - 0.999)) + 1e-7));
      return w;
    });
    return error;
  }
  judge.compare(results.y, units, c.inputs, [&](size_t r, size_t n) {
    Wanted w;
    w.add(d.b[n]);
    for (size_t k = 0; k < inputs; ++k) w.add(static_cast<double>(d.x[r * inputs + k]) * d.w[k * units + n]);
    w.value = std::max(w.value, 0.0);
    return w;
  });
  // The mask of what this variant itself computed: near 0 an honest result may fall to either side.
  const auto dz = [&](size_t r, size_t n) {
    const size_t at = r * units + n;
    return !results.y.empty() && !(results.y[at] > 0) ? 0.0 : static_cast<double>(d.dy[at]);
  };
  judge.compare(results.dx, inputs, c.units, [&](size_t r, size_t k) {
    Wanted w;
    for (size_t n = 0; n < units; ++n) w.add(dz(r, n) * d.w[k * units + n]);
    if (c.op == Op::InputGradient && !(d.x[r * inputs + k] > 0)) w.value = 0;
    return w;
  });
  judge.compare(results.dw, units, c.batch, [&](size_t k, size_t n) {
    Wanted w;
    for (size_t r = 0; r < batch; ++r) w.add(d.x[r * inputs + k] * dz(r, n));
    return w;
  });
  judge.compare(results.db, units, c.batch, [&](size_t, size_t n) {
    Wanted w;
    for (size_t r = 0; r < batch; ++r) w.add(dz(r, n));
    return w;
  });
  return error;
}

}  // namespace fusor::bench
