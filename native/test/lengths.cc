// The kernels that take n values, at every n around the vectors, in guarded memory; softmax; scaling.
#include "check.h"

namespace fusor::test {
namespace {

constexpr long kMost = 70;
constexpr Place kPlaces[] = {Place::End, Place::Start, Place::Odd};

// The same values as in a longer run: a tail is computed as a whole vector is.
void activateLengths(const Kernels& kernels, Report& report, Activation a) {
  report.group(kernels.name, format("lengths 1-70 %s", nameOf(a)));
  Random random(3);
  std::vector<float> z = random.matrix(kMost), dy = random.matrix(kMost), y(kMost), dx(kMost);
  for (float& v : z) v *= 4;
  kernels.activate(a, z.data(), y.data(), kMost);
  kernels.activateBackward(a, y.data(), z.data(), dy.data(), dx.data(), kMost);
  for (long n = 1; n <= kMost; ++n) {
    for (Place place : kPlaces) {
      Judge judge;
      const auto first = [n](const std::vector<float>& v) {
        return std::vector<float>(v.begin(), v.begin() + n);
      };
      const auto in = Guarded<float>::input(first(z), place), ys = Guarded<float>::input(first(y), place);
      const auto dys = Guarded<float>::input(first(dy), place);
      const auto out = Guarded<float>::output(n, place), back = Guarded<float>::output(n, place);
      const bool survived = survives([&] {
        kernels.activate(a, in.data(), out.data(), n);
        kernels.activateBackward(a, ys.data(), in.data(), dys.data(), back.data(), n);
      });
      stayedInside(judge, survived, in, ys, dys, out, back);
      sameAs(judge, "y", out.read(), y);
      sameAs(judge, "dx", back.read(), dx);
      report.add(format("n %ld", n), judge);
    }
  }
}

void scaling(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "scaleBytes, scaleFloats", "x 2^-24");
  struct Scale {
    float scale, offset;
    bool exact;
  };
  Random random(4);
  for (const Scale& s : {Scale{1 / 255.0f, 0, false}, {1 / 127.5f, -1, false}, {2, -3, true}, {1, 0, true}}) {
    for (long n = 1; n <= kMost; ++n) {
      for (Place place : kPlaces) {
        Judge judge;
        std::vector<uint8_t> bytes(n);
        std::vector<float> floats(n);
        for (long i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>((random.next() + 1) * 128);
        for (long i = 0; i < n; ++i)
          floats[i] = s.exact ? static_cast<float>(bytes[i]) - 128 : static_cast<float>(300 * random.next());
        if (n > 1) bytes[n - 1] = 255, bytes[n - 2] = 128;  // where a signed byte would turn negative
        const Guarded<uint8_t> b = Guarded<uint8_t>::input(bytes, place);
        const auto f = Guarded<float>::input(floats, place);
        const auto fromBytes = Guarded<float>::output(n, place),
                   fromFloats = Guarded<float>::output(n, place);
        const Guarded<float> inPlace(floats, place);
        const bool survived = survives([&] {
          kernels.scaleBytes(b.data(), fromBytes.data(), n, s.scale, s.offset);
          kernels.scaleFloats(f.data(), fromFloats.data(), n, s.scale, s.offset);
          kernels.scaleFloats(inPlace.data(), inPlace.data(), n, s.scale, s.offset);
        });
        stayedInside(judge, survived, b, f, fromBytes, fromFloats, inPlace);
        const auto y = fromBytes.read(), v = fromFloats.read();
        const auto check = [&](const char* what, long i, float got, double x) {
          const double scaled = x * static_cast<double>(s.scale);
          judge.near(what, 0, i, got, scaled + s.offset, kUnit * (std::fabs(scaled) + std::fabs(s.offset)),
                     s.exact ? 0 : 2);
        };
        for (long i = 0; i < n; ++i) check("bytes", i, y[i], bytes[i]), check("floats", i, v[i], floats[i]);
        sameAs(judge, "in place", inPlace.read(), v);
        report.add(format("n %ld, %g x + %g", n, s.scale, s.offset), judge);
      }
    }
  }
}

// What Dropout draws one by one, from within a counter too, and beyond the numbers that a kernel makes at a time.
void droppingOut(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "dropout");
  Random random(5);
  for (double rate : {0.0, 0.3, 0.999}) {
    const Dropout dropout(uint64_t{7} << 40 | 9, 3, (int64_t{1} << 33) + 5, rate);
    for (long n : {1, 2, 3, 5, 31, 64, 127, 128, 129, 300}) {
      for (int64_t first : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{127}, (int64_t{1} << 33) + 3}) {
        Judge judge;
        std::vector<float> x = random.matrix(n), wanted(n);
        x[n / 2] = INFINITY;
        dropout.each(first, first + n, [&](int64_t e, float factor) {
          wanted[e - first] = factor == 0 ? 0 : x[e - first] * factor;
        });
        for (Place place : kPlaces) {
          const auto in = Guarded<float>::input(x, place), out = Guarded<float>::output(n, place);
          const Guarded<float> inPlace(x, place);
          const bool survived = survives([&] {
            kernels.dropout(dropout, first, in.data(), out.data(), n);
            kernels.dropout(dropout, first, inPlace.data(), inPlace.data(), n);
          });
          stayedInside(judge, survived, in, out, inPlace);
          sameAs(judge, "y", out.read(), wanted);
          sameAs(judge, "in place", inPlace.read(), wanted);
        }
        report.add(format("rate %g, n %ld from %ld", rate, n, static_cast<long>(first)), judge);
      }
    }
  }
}

std::vector<double> softmax(const std::vector<float>& x) {
  double greatest = -INFINITY, total = 0;
  for (float v : x) greatest = v > greatest || std::isnan(v) ? v : greatest;
  std::vector<double> y;
  for (float v : x) y.push_back(std::exp(v - greatest)), total += y.back();
  for (double& v : y) v /= total;
  return y;
}

double logSumExp(const std::vector<float>& x) {
  double greatest = -INFINITY, total = 0;
  for (float v : x) greatest = v > greatest || std::isnan(v) ? v : greatest;
  for (float v : x) total += std::exp(v - greatest);
  return greatest + std::log(total);
}

// A difference of logits is rounded before it is raised: an error of |x - greatest| units in the result.
void softmaxRow(const Kernels& kernels, Report& report, const std::string& name,
                const std::vector<float>& x) {
  Judge judge;
  const long n = static_cast<long>(x.size());
  std::vector<float> y(n), inPlace(x), dx(n), dy = Random(6).matrix(n);
  kernels.activate(Activation::Softmax, x.data(), y.data(), n);
  kernels.activate(Activation::Softmax, inPlace.data(), inPlace.data(), n);
  const auto wanted = softmax(x);
  const float greatest = *std::max_element(x.begin(), x.end());
  for (long i = 0; i < n; ++i) {
    judge.near("y", 0, i, y[i], wanted[i],
               kUnit * wanted[i] * (1 + 0.25 * std::min(100.0f, greatest - x[i])) + kTiny, 8);
  }
  sameAs(judge, "in place", inPlace, y);
  std::vector<float> again(n);
  double logSum = 0;
  kernels.softmaxRows({x.data(), again.data(), n, static_cast<int>(n), {0, 1}, &logSum});
  const double wantedSum = logSumExp(x);
  sameAs(judge, "softmax and activate", again, y);
  // The sum is in float32: relative to it a few units, absolute in its logarithm.
  judge.within("log sum", 0, n, 0, std::isfinite(wantedSum) ? logSum - wantedSum : 0, 8 * kUnit);
  judge.expect(std::isfinite(wantedSum) == std::isfinite(logSum),
               format("log sum %g, wanted %g", logSum, wantedSum));
  kernels.activateBackward(Activation::Softmax, y.data(), nullptr, dy.data(), dx.data(), n);
  double dot = 0;
  for (long i = 0; i < n; ++i) dot += static_cast<double>(y[i]) * dy[i];
  for (long i = 0; i < n; ++i) {
    const double unit = kUnit * y[i] * (std::fabs(dy[i]) + std::fabs(dot)) + kTiny;
    judge.near("dx", 0, i, dx[i], static_cast<double>(y[i]) * (dy[i] - dot), unit, 4);
  }
  report.add(name, judge);
}

// Rows together are what each is by itself, whichever of them are asked for, and nothing else is written.
void softmaxTogether(const Kernels& kernels, Report& report, int n) {
  const int width = kernels.width, rows = width + 3;
  const long ld = (n + 15) / 16 * 16 + 16;
  auto x = Random(n).matrix(rows * ld);
  for (float& v : x) v *= 10;
  x[2 * ld + n / 2] = NAN, x[3 * ld] = INFINITY, x[4 * ld + n - 1] = -INFINITY;
  for (int count = 1; count <= rows; ++count) {
    for (int begin : {0, rows - count}) {
      Judge judge;
      std::vector<float> wanted(x.size(), poison());
      std::vector<double> wantedSums(rows, -1), sums(wantedSums);
      for (int r = begin; r < begin + count; ++r) {
        kernels.softmaxRows({&x[r * ld], &wanted[r * ld], ld, n, {0, 1}, &wantedSums[r]});
      }
      const auto z = Guarded<float>::input(x, Place::End), y = Guarded<float>::output(x.size(), Place::End);
      const bool survived = survives([&] {
        kernels.softmaxRows({z.data(), y.data(), ld, n, {begin, begin + count}, sums.data()});
      });
      stayedInside(judge, survived, z, y);
      sameAs(judge, "y", y.read(), wanted);
      judge.expect(std::memcmp(sums.data(), wantedSums.data(), rows * sizeof(double)) == 0, "log sums differ");
      report.add(format("n %d, rows %d to %d", n, begin, begin + count), judge);
    }
  }
}

}  // namespace

void compareLengths(const Kernels& kernels, Report& report) {
  for (int a = 0; a < 6; ++a) activateLengths(kernels, report, static_cast<Activation>(a));
  scaling(kernels, report);
  droppingOut(kernels, report);
}

void compareSoftmax(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "softmax", "x 2^-24");
  Random random(8);
  for (int n : sizes(kernels.width / 2)) {
    for (float range : {0.0f, 1.0f, 30.0f, 1e4f}) {
      auto x = random.matrix(n);
      for (float& v : x) v *= range;
      softmaxRow(kernels, report, format("n %d, logits up to %g", n, range), x);
      x.back() = NAN;
      softmaxRow(kernels, report, format("n %d, last NaN", n), x);
      x.back() = -INFINITY;
      if (n > 1) softmaxRow(kernels, report, format("n %d, last -Inf", n), x);
      x.front() = INFINITY;
      softmaxRow(kernels, report, format("n %d, first Inf", n), x);
    }
    softmaxTogether(kernels, report, n);
  }
}

}  // namespace fusor::test
