#include "check.h"

namespace fusor::test {
namespace {

constexpr int kSteps = 6;
// A kernel gets no memory for slots that its optimiser does not have.
int slotsOf(UpdateKind kind) {
  if (kind == UpdateKind::Store || kind == UpdateKind::Sgd) return 0;
  return kind == UpdateKind::Adam || kind == UpdateKind::AdamW ? 2 : 1;
}

// In kUnit, of the largest terms in a slot and of the way that a weight went; about twice what was measured.
constexpr double kSlotBound = 16, kWeightBound = 20;

// Weights and slots as a kernel sees them, the same in float64, and what their errors are measured by.
struct Parameter {
  Guarded<float> w, s0, s1;
  std::vector<double> w64, s064, s164, path;  // path: |w| and all that was added to it
  std::vector<double> first, second;          // the largest sizes that the slots' terms had

  Parameter(size_t count, const std::vector<float>& real, Random& random, UpdateKind kind, Place place)
      : Parameter(real, starts(count, real, random, kind, false), starts(count, real, random, kind, true),
                  place) {}

  static bool squares(UpdateKind kind, bool second) { return second || kind == UpdateKind::Rmsprop; }

 private:
  // Slots as after some training: not zero, squares positive; padding stays zero.
  static std::vector<float> starts(size_t count, const std::vector<float>& real, Random& random,
                                   UpdateKind kind, bool second) {
    std::vector<float> slot(count);
    for (size_t i = 0; i < count; ++i) {
      const double x = random.next();
      slot[i] = real[i] == 0 ? 0 : static_cast<float>(squares(kind, second) ? x * x + 0.01 : 0.1 * x);
    }
    return slot;
  }
  Parameter(const std::vector<float>& w0, const std::vector<float>& a, const std::vector<float>& b,
            Place place)
      : w(w0, place),
        s0(a, place),
        s1(b, place),
        w64(wide(w0)),
        s064(wide(a)),
        s164(wide(b)),
        path(w64),
        first(s064),
        second(s164) {
    for (auto* sizes : {&path, &first, &second}) {
      for (double& size : *sizes) size = std::fabs(size);
    }
  }
};

// One step in float64, from the gradient that the kernels themselves give.
void advance(const Optimizer& optimizer, long t, const std::vector<float>& g, Parameter& p) {
  for (size_t i = 0; i < g.size(); ++i) {
    const double before = p.w64[i];
    optimizer.step(t, g[i], p.w64[i], p.s064[i], p.s164[i]);
    p.path[i] += std::fabs(p.w64[i] - before) + optimizer.rate * std::fabs(g[i]);
    const double size = std::fabs(static_cast<double>(g[i]));
    p.first[i] = std::max(p.first[i], Parameter::squares(optimizer.kind, false) ? size * size : size);
    p.second[i] = std::max(p.second[i], size * size);
  }
}

void compare(Judge& judge, const char* what, const Parameter& p) {
  const auto w = p.w.read(), s0 = p.s0.read(), s1 = p.s1.read();
  for (size_t i = 0; i < w.size(); ++i) {
    const long at = static_cast<long>(i);
    judge.within(what, 0, at, s0[i], p.s064[i], kUnit * kSlotBound * p.first[i] + kTiny);
    judge.within(what, 1, at, s1[i], p.s164[i], kUnit * kSlotBound * p.second[i] + kTiny);
    judge.near(what, 2, at, w[i], p.w64[i], kUnit * p.path[i] + kTiny, kWeightBound);
  }
}

}  // namespace

Judge checkOptimizer(const Kernels& kernels, const DenseCase& c, UpdateKind kind) {
  Judge judge;
  const Stride out(c.outputs, kernels.width, c.gap);
  const long lda = apart(c.inputs, c.gap);
  const DenseData initial(c, 99);
  Random random(5);
  const auto w0 = packed(initial.w, c.inputs, c.outputs, kernels.width),
             b0 = packed(initial.bias, 1, c.outputs, kernels.width);
  Parameter kernel(w0.size(), w0, random, kind, c.place), bias(b0.size(), b0, random, kind, c.place);
  // Driven through the same steps in pieces.
  Random again(5);
  Parameter kernelParts(w0.size(), w0, again, kind, c.place), biasParts(b0.size(), b0, again, kind, c.place);
  // From gradients in memory.
  Random onceMore(5);
  Parameter kernelStored(w0.size(), w0, onceMore, kind, c.place);
  const Optimizer optimizer{kind};
  bool survived = true;

  for (long t = 1; t <= kSteps; ++t) {
    const DenseData data(c, 100 + t);
    const auto a = Guarded<float>::input(strided(data.a, c.rows, c.inputs, c.inputs, lda), c.place);
    const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
    const auto g = Guarded<float>::output(w0.size(), c.place),
               gb = Guarded<float>::output(b0.size(), c.place);
    DenseBackward d{};
    d.a = a.data(), d.lda = lda, d.dz = dz.data(), d.lddz = out.ld;
    d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
    const auto update = [&](const Parameter& w, const Parameter& b, const Piece& part) {
      d.features = part.rows, d.panels = part.panels, d.w = w.w.data(), d.update = optimizer.constants(t);
      d.bias = part.rows.begin == 0 ? b.w.data() : nullptr;
      if (slotsOf(kind) > 0) d.slot0 = w.s0.data(), d.biasSlot0 = b.s0.data();
      if (slotsOf(kind) > 1) d.slot1 = w.s1.data(), d.biasSlot1 = b.s1.data();
      kernels.denseBackward(d);
    };
    const Piece whole{{0, c.inputs}, {0, out.panels}};
    survived = survived && survives([&] {
                 d.features = whole.rows, d.panels = whole.panels, d.w = g.data(), d.bias = gb.data();
                 d.update.kind = UpdateKind::Store;
                 kernels.denseBackward(d);
                 update(kernel, bias, whole);
                 for (const Piece& part : pieces(c.inputs, out.panels)) update(kernelParts, biasParts, part);
                 const Parameter& stored = kernelStored;
                 kernels.update(optimizer.constants(t), g.data(), stored.w.data(), slotsOf(kind) > 0 ? stored.s0.data() : nullptr,
                                slotsOf(kind) > 1 ? stored.s1.data() : nullptr, static_cast<long>(w0.size()));
               });
    stayedInside(judge, survived, a, dz, g, gb, kernel.w, kernel.s0, kernel.s1, bias.w, bias.s0, bias.s1,
                 kernelStored.w, kernelStored.s0, kernelStored.s1);
    advance(optimizer, t, g.read(), kernel);
    advance(optimizer, t, gb.read(), bias);
  }
  compare(judge, "kernel", kernel);
  compare(judge, "bias", bias);
  sameAs(judge, "kernel in pieces", kernelParts.w.read(), kernel.w.read());
  sameAs(judge, "kernel from stored gradients", kernelStored.w.read(), kernel.w.read());
  sameAs(judge, "bias in pieces", biasParts.w.read(), bias.w.read());
  eachPacked(c.inputs, c.outputs, kernels.width, [&, w = kernel.w.read()](int k, int n, size_t at) {
    if (n >= c.outputs) judge.zero("padding of the kernel", k, n, w[at]);
  });
  return judge;
}

}  // namespace fusor::test
