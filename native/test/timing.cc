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
    for (auto check : {checkForward, checkInputGradient, checkWeightGradient, checkBackward})
      report.add("before timing", check(k, c));
    const DenseData data(c);
    const Stride in(c.inputs, k.width, 0), out(c.outputs, k.width, 0);
    auto w = packed(data.w, c.inputs, c.outputs, k.width);
    const auto bias = packed(data.bias, 1, c.outputs, k.width);
    const auto dz = strided(data.dz, c.rows, c.outputs, out.padded, out.ld);
    const auto h = strided(data.z, c.rows, c.inputs, in.padded, in.ld);
    std::vector<float> y(out.size(c.rows)), dx(in.size(c.rows)), s0(w.size()), s1(w.size());
    std::vector<float> scratch(backwardScratch(c.rows, c.inputs, c.outputs, k.width));

    DenseForward f{};
    f.a = data.a.data(), f.lda = c.inputs, f.w = w.data(), f.bias = bias.data(), f.y = y.data(),
    f.ldy = out.ld;
    f.inputs = c.inputs, f.outputs = c.outputs, f.activation = c.activation, f.rows = {0, c.rows}, f.panels = {0, out.panels};
    DenseBackward all{};
    all.a = data.a.data(), all.lda = c.inputs, all.dz = dz.data(), all.lddz = out.ld;
    all.rows = c.rows, all.inputs = c.inputs, all.outputs = c.outputs;
    all.features = {0, c.inputs}, all.panels = {0, out.panels};
    all.w = w.data(), all.slot0 = s0.data(), all.slot1 = s1.data();
    all.update = Optimizer{UpdateKind::Adam}.constants(1000);
    all.dx = dx.data(), all.h = h.data(), all.lddx = in.ld, all.activation = c.activation;
    all.scratch = scratch.data();
    DenseBackward g = all, u = all;
    g.a = nullptr, u.dx = nullptr;

    const auto line = [&](const char* what, int products, double micros) {
      report.note(format("%-32s%10.1f us %8.1f GFLOP/s", what, micros,
                         2e-3 * products * static_cast<double>(c.work()) / micros));
    };
    line("denseForward relu", 1, median([&] { k.denseForward(f); }));
    line("denseBackward, dx relu", 1, median([&] { k.denseBackward(g); }));
    line("denseBackward, dw adam", 1, median([&] { k.denseBackward(u); }));
    line("denseBackward, both at once", 2, median([&] { k.denseBackward(all); }));
  }
}

}  // namespace fusor::test
