// Batch normalisation, a panel of columns at a time, against float64, in guarded memory.
#include "check.h"

namespace fusor::test {
namespace {

constexpr Place kPlaces[] = {Place::End, Place::Start};
constexpr double kMomentum = 0.75, kEpsilon = 1e-3;

struct Case {
  int rows, columns;
  bool hasGamma, hasBeta;
};

// Of one column, in float64.
struct Column {
  double mean = 0, variance = 0, inverse = 0, magnitude = 0;
};

Column columnOf(const std::vector<float>& x, int rows, long ld, int j) {
  Column c;
  for (int r = 0; r < rows; ++r) c.mean += x[r * ld + j] / rows, c.magnitude = std::max<double>(c.magnitude, std::fabs(x[r * ld + j]));
  for (int r = 0; r < rows; ++r) c.variance += std::pow(x[r * ld + j] - c.mean, 2) / rows;
  c.inverse = 1 / std::sqrt(c.variance + kEpsilon);
  return c;
}

void check(const Kernels& kernels, const Case& c, Place place, Random& random, Report& report) {
  Judge judge;
  // Half a panel's rows may lie as close as they can: what is behind a row's columns is the next row's.
  const long ld = c.columns;
  const size_t values = static_cast<size_t>(c.rows) * ld, n = c.columns;
  const auto xs = random.matrix(values), dys = random.matrix(values), gammas = random.matrix(n), betas = random.matrix(n),
             means = random.matrix(n), variances = random.matrix(n);
  const auto x = Guarded<float>::input(xs, place), gamma = Guarded<float>::input(gammas, place), beta = Guarded<float>::input(betas, place);
  const Guarded<float> movingMean(means, place), movingVariance(variances, place), dy(dys, place), fixedDy(dys, place);
  const auto y = Guarded<float>::output(values, place), mean = Guarded<float>::output(n, place), inverse = Guarded<float>::output(n, place),
             dGamma = Guarded<float>::output(n, place), dBeta = Guarded<float>::output(n, place);
  const auto of = [&](const Guarded<float>& to) {
    return NormalizedColumns{x.data(),     to.data(),   ld, c.rows, c.columns, c.hasGamma ? gamma.data() : nullptr, c.hasBeta ? beta.data() : nullptr,
                             mean.data(), inverse.data()};
  };
  const bool survived = survives([&] {
    kernels.columnMoments(of(y), {movingMean.data(), movingVariance.data(), kMomentum, kEpsilon}, mean.data(), inverse.data());
    kernels.normalize(of(y));
    kernels.normalizeBackward(of(dy), true, dGamma.data(), dBeta.data());
    kernels.normalizeBackward(of(fixedDy), false, nullptr, nullptr);
  });
  stayedInside(judge, survived, x, gamma, beta, movingMean, movingVariance, dy, fixedDy, y, mean, inverse, dGamma, dBeta);
  const auto gotY = y.read(), gotMean = mean.read(), gotInverse = inverse.read(), gotMovingMean = movingMean.read(),
             gotMovingVariance = movingVariance.read(), gotDx = dy.read(), gotFixed = fixedDy.read(), gotGamma = dGamma.read(), gotBeta = dBeta.read();
  for (int j = 0; j < c.columns; ++j) {
    const Column column = columnOf(xs, c.rows, ld, j);
    const double g = c.hasGamma ? gammas[j] : 1, b = c.hasBeta ? betas[j] : 0;
    judge.near("mean", 0, j, gotMean[j], column.mean, kUnit * column.magnitude + kTiny, 1);
    judge.near("inverse", 0, j, gotInverse[j], column.inverse, kUnit * column.inverse, 1);
    const auto moved = [&](float before, double own) { return before * kMomentum + own * (1 - kMomentum); };
    judge.near("moving mean", 0, j, gotMovingMean[j], moved(means[j], column.mean), kUnit * (std::fabs(means[j]) + column.magnitude), 1);
    judge.near("moving variance", 0, j, gotMovingVariance[j], moved(variances[j], column.variance),
               kUnit * (std::fabs(variances[j]) + column.variance), 1);
    double sumDy = 0, sumDyN = 0, terms = 0;
    const auto normal = [&](int r) { return (xs[r * ld + j] - column.mean) * column.inverse; };
    for (int r = 0; r < c.rows; ++r) {
      sumDy += dys[r * ld + j], sumDyN += dys[r * ld + j] * normal(r);
      terms += std::fabs(dys[r * ld + j]) * (column.magnitude * column.inverse + 1);
    }
    judge.near("dbeta", 0, j, gotBeta[j], sumDy, kUnit * terms + kTiny, 1);
    judge.near("dgamma", 0, j, gotGamma[j], sumDyN, kUnit * terms + kTiny, 4);
    for (int r = 0; r < c.rows; ++r) {
      const size_t at = r * ld + j;
      const double scale = std::fabs(g) * column.inverse, unit = kUnit * (column.magnitude * scale + std::fabs(b));
      judge.near("y", r, j, gotY[at], normal(r) * g + b, unit + kTiny, 4);
      const double through = (sumDy + normal(r) * sumDyN) / c.rows;
      const double size = std::fabs(dys[at]) + std::fabs(sumDy / c.rows) + (column.magnitude * column.inverse + 1) * std::fabs(sumDyN / c.rows);
      judge.near("dx", r, j, gotDx[at], g * column.inverse * (dys[at] - through), kUnit * scale * (size + terms / c.rows) + kTiny, 8);
      judge.near("dx, averages that stay", r, j, gotFixed[at], g * column.inverse * dys[at], kUnit * scale * std::fabs(dys[at]) + kTiny, 4);
    }
  }
  report.add(format("%d x %d%s%s", c.rows, c.columns, c.hasGamma ? ", gamma" : "", c.hasBeta ? ", beta" : ""), judge);
}

}  // namespace

void compareNormalization(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "batch normalisation", "x 2^-24");
  Random random(13);
  for (const int rows : {1, 2, 3, 32, 700}) {
    for (const int columns : {1, kernels.width / 2, kernels.width - 1, kernels.width}) {
      if (columns == 0) continue;
      for (const bool whole : {false, true}) {
        for (const Place place : kPlaces) check(kernels, {rows, columns, whole, whole || rows == 3}, place, random, report);
      }
    }
  }
}

}  // namespace fusor::test
