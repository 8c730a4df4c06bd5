// The error that `fusor bench` reports, on results that are right and on results that are not.
#include <cmath>

#include "bench/bench.h"
#include "gates.h"

namespace fusor::test {
namespace {

using bench::Case;
using bench::Data;
using bench::Op;
using bench::Results;

// Forward and backward in plain float32 loops, `lost` terms short at the end of each sum of the forward.
Results plain(const Case& c, const Data& d, int lost) {
  const size_t batch = c.batch, inputs = c.inputs, units = c.units;
  Results r;
  r.y.assign(batch * units, 0), r.dx.assign(batch * inputs, 0), r.dw.assign(inputs * units, 0), r.db.assign(units, 0);
  for (size_t i = 0; i < batch; ++i) {
    for (size_t n = 0; n < units; ++n) {
      float sum = d.b[n];
      for (size_t k = 0; k + lost < inputs; ++k) sum += d.x[i * inputs + k] * d.w[k * units + n];
      r.y[i * units + n] = sum > 0 ? sum : 0;
      const float dz = sum > 0 ? d.dy[i * units + n] : 0;
      r.db[n] += dz;
      for (size_t k = 0; k < inputs; ++k) {
        r.dx[i * inputs + k] += dz * d.w[k * units + n];
        r.dw[k * units + n] += d.x[i * inputs + k] * dz;
      }
    }
  }
  return r;
}

}  // namespace

void checkBenchError(Report& report) {
  report.group("bench", "error measure", "error");
  const Case c{Op::ForwardBackward, 33, 65, 17, 1, 1};
  const Data data = bench::dataFor(c);
  const auto expectFault = [&](const char* name, bool fault, const Results& results) {
    const bench::Error error = bench::errorOf(c, data, results);
    Judge judge;
    judge.expect((error.worst > error.allowed) == fault, format("error %g of %g", error.worst, error.allowed));
    report.add(name, judge);
  };
  const Results right = plain(c, data, 0);
  expectFault("float32 loops", false, right);
  expectFault("a lost last term", true, plain(c, data, 1));
  const auto spoil = [&](const char* name, auto change) {
    Results results = right;
    change(results);
    expectFault(name, true, results);
  };
  spoil("the last value of y", [](Results& r) { r.y.back() += 1e-3f; });
  spoil("dx, sign flipped", [](Results& r) {
    for (float& v : r.dx) v = -v;
  });
  spoil("dw, not a number", [](Results& r) { r.dw[0] = std::nanf(""); });
  spoil("dw of rounded inputs", [](Results& r) {  // 10 bits of mantissa are left, as in TF32
    for (float& v : r.dw) v = std::ldexp(std::round(std::ldexp(v, 10 - std::ilogb(v))), std::ilogb(v) - 10);
  });
  spoil("db, twice", [](Results& r) {
    for (float& v : r.db) v *= 2;
  });
}

}  // namespace fusor::test
