// The timed cases of the table, one thread: the median of what fits into a good part of a second.
#include <algorithm>
#include <chrono>

#include "gates.h"
#include "layout.h"
#include "reference.h"

namespace fusor::test {
namespace {

// Microseconds a call.
template <class F>
double median(F call) {
  using Clock = std::chrono::steady_clock;
  const auto micros = [&](int calls) {
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / calls;
  };
  const double once = std::max(micros(1), micros(1));
  const int calls = std::max(1, static_cast<int>(2000 / once));  // batches of about 2 ms
  std::vector<double> samples;
  for (double spent = 0; spent < 300000 || samples.size() < 5; spent += samples.back() * calls)
    samples.push_back(micros(calls));
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

void timeKernels(const Kernels& k, Report& report) {
  for (const DenseCase& c : denseCases(k.width / 2)) {
    if (!c.timed) continue;
    report.group(k.name, format("%dx%dx%d", c.rows, c.inputs, c.outputs));
    for (auto check : {checkForward, checkInputGradient, checkWeightGradient})
      report.add("before timing", check(k, c));
    const DenseData data(c);
    const Stride in(c.inputs, k.width, 0), out(c.outputs, k.width, 0);
    auto w = packed(data.w, c.inputs, c.outputs, k.width);
    const auto bias = packed(data.bias, 1, c.outputs, k.width);
    const auto dz = strided(data.dz, c.rows, c.outputs, out.padded, out.ld);
    const auto h = strided(data.z, c.rows, c.inputs, in.padded, in.ld);
    std::vector<float> y(out.size(c.rows)), dx(in.size(c.rows)), s0(w.size()), s1(w.size());
    std::vector<float> scratch(static_cast<size_t>(c.outputs) * k.width);

    DenseForward f{};
    f.a = data.a.data(), f.lda = c.inputs, f.w = w.data(), f.bias = bias.data(), f.y = y.data(),
    f.ldy = out.ld;
    f.inputs = c.inputs, f.activation = c.activation, f.rows = {0, c.rows}, f.panels = {0, out.panels};
    DenseInputGradient g{};
    g.dz = dz.data(), g.lddz = out.ld, g.w = w.data(), g.inputs = c.inputs, g.outputs = c.outputs,
    g.dx = dx.data();
    g.h = h.data(), g.lddx = in.ld, g.activation = c.activation, g.scratch = scratch.data();
    g.rows = {0, c.rows}, g.panels = {0, in.panels};
    DenseWeightUpdate u{};
    u.a = data.a.data(), u.lda = c.inputs, u.dz = dz.data(), u.lddz = out.ld, u.rows = c.rows,
    u.inputs = c.inputs;
    u.features = {0, c.inputs}, u.panels = {0, out.panels}, u.w = w.data(), u.slot0 = s0.data(),
    u.slot1 = s1.data();
    u.update = Optimizer{UpdateKind::Adam}.constants(1000);

    const auto line = [&](const char* what, double micros) {
      report.note(format("%-24s%10.1f us %8.1f GFLOP/s", what, micros,
                         2e-3 * static_cast<double>(c.work()) / micros));
    };
    line("denseForward relu", median([&] { k.denseForward(f); }));
    line("denseInputGradient relu", median([&] { k.denseInputGradient(g); }));
    line("denseWeightUpdate adam", median([&] { k.denseWeightUpdate(u); }));
  }
}

}  // namespace fusor::test
