// The passes over whole gradients and weights, against float64, in guarded memory; the optimiser's is in optimizers.cc.
#include "check.h"

namespace fusor::test {
namespace {

constexpr double kSumBound = 1e-12;  // relative: sums are in float64
constexpr Place kPlaces[] = {Place::End, Place::Start};

// Whatever of the three is asked for, and whatever comes with it.
void wholeGradients(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "wholeGradient", "x 2^-24");
  Random random(11);
  for (const long panels : {1, 2, 5, 130}) {
    const long n = panels * kernels.width;
    for (const float l1 : {0.0f, 0.25f}) {
      for (const float l2 : {0.0f, 0.01f}) {
        for (const float steps : {-1.0f, 0.0f, 3.0f}) {  // -1: no accumulator
          for (const bool normed : {false, true}) {
            for (const Place place : kPlaces) {
              Judge judge;
              auto weights = random.matrix(n);
              weights[n / 2] = 0;
              const auto gradients = random.matrix(n), before = random.matrix(n);
              const auto w = Guarded<float>::input(weights, place);
              const Guarded<float> g(gradients, place), a(before, place);
              WholeSums sums{}, alone{};
              const bool survived = survives([&] {
                sums = kernels.wholeGradient({g.data(), w.data(), steps < 0 ? nullptr : a.data(), n, l1, l2, steps, normed});
                alone = kernels.wholeGradient({nullptr, w.data(), nullptr, n, l1, l2, 0, false});
              });
              stayedInside(judge, survived, w, g, a);
              double magnitudes = 0, squares = 0, norm = 0;
              const auto got = g.read(), left = a.read();
              for (long i = 0; i < n; ++i) {
                const double x = weights[i], sign = (x > 0) - (x < 0), added = steps < 0 ? 0 : before[i];
                const double terms = std::fabs(gradients[i]) + l1 + 2 * l2 * std::fabs(x) + std::fabs(added);
                const double wanted = gradients[i] + l1 * sign + 2 * l2 * x + added;
                judge.near("g", 0, i, got[i], steps > 0 ? wanted / steps : wanted, kUnit * (steps > 0 ? terms / steps : terms) + kTiny, 3);
                const float kept = steps < 0 ? before[i] : steps == 0 ? got[i] : 0;
                judge.expect(left[i] == kept, format("accumulator[%ld] is %g, not %g", i, left[i], kept));
                magnitudes += std::fabs(x), squares += x * x, norm += static_cast<double>(got[i]) * got[i];
              }
              judge.within("sum |w|", 0, n, 0, sums.magnitudes - (l1 == 0 ? 0 : magnitudes), kSumBound * magnitudes);
              judge.within("sum w^2", 0, n, 0, sums.squares - (l2 == 0 ? 0 : squares), kSumBound * squares);
              judge.within("sum g^2", 0, n, 0, sums.norm - (normed ? norm : 0), kSumBound * norm);
              judge.expect(alone.magnitudes == sums.magnitudes && alone.squares == sums.squares, "other sums without a gradient");
              report.add(format("n %ld, l1 %g, l2 %g, steps %g%s", n, l1, l2, steps, normed ? ", normed" : ""), judge);
            }
          }
        }
      }
    }
  }
}

void columns(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "columnSquares, scaleColumns");
  Random random(12);
  const int width = kernels.width;
  for (const long rows : {1, 2, 17, 300}) {
    for (const Place place : kPlaces) {
      Judge judge;
      const auto weights = random.matrix(rows * width), factors = random.matrix(width);
      const auto w = Guarded<float>::input(weights, place), f = Guarded<float>::input(factors, place);
      const Guarded<float> scaled(weights, place);
      const auto squares = Guarded<double>::output(width, place);
      const bool survived = survives([&] {
        kernels.columnSquares(w.data(), rows, squares.data());
        kernels.scaleColumns(scaled.data(), rows, f.data());
      });
      stayedInside(judge, survived, w, f, scaled, squares);
      const auto sums = squares.read();
      std::vector<float> wanted(weights);
      for (int j = 0; j < width; ++j) {
        double sum = 0;
        for (long k = 0; k < rows; ++k) {
          const double x = weights[k * width + j];
          sum += x * x;
          wanted[k * width + j] *= factors[j];
        }
        judge.within("sum", 0, j, 0, sums[j] - sum, kSumBound * sum);
      }
      sameAs(judge, "scaled", scaled.read(), wanted);
      report.add(format("%ld rows", rows), judge);
    }
  }
}

}  // namespace

void compareWholes(const Kernels& kernels, Report& report) {
  wholeGradients(kernels, report);
  columns(kernels, report);
}

}  // namespace fusor::test
