// A fused backward pass against its parts: dx has to come from the weights as they were.
#include "check.h"

namespace fusor::test {

Judge checkBackward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const int width = kernels.width;
  const Stride in(c.inputs, width, c.gap), out(c.outputs, width, c.gap);
  const long lda = c.inputs + c.gap;
  const auto a = Guarded<float>::input(strided(data.a, c.rows, c.inputs, c.inputs, lda), c.place);
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto h = Guarded<float>::input(strided(data.z, c.rows, c.inputs, in.padded, in.ld), c.place);
  const auto w0 = packed(data.w, c.inputs, c.outputs, width), b0 = packed(data.bias, 1, c.outputs, width);
  for (UpdateKind kind : {UpdateKind::Store, UpdateKind::Adam}) {
    // dx, then all that is updated: w, its slots, the bias, its slots.
    using All = std::array<std::vector<float>, 7>;
    const auto run = [&](const std::vector<Range>& parts, bool atOnce) {
      const auto dx = Guarded<float>::output(in.size(c.rows), c.place);
      const auto scratch = Guarded<float>::output(backwardScratch(c.rows, c.inputs, c.outputs, width), c.place);
      const std::vector<float> w1(w0.size()), b1(b0.size());
      const Guarded<float> w(w0, c.place), s0(w1, c.place), s1(w1, c.place);
      const Guarded<float> b(b0, c.place), bs0(b1, c.place), bs1(b1, c.place);
      const bool survived = survives([&] {
        for (const Range& panels : parts) {
          DenseBackward d{};
          d.dz = dz.data(), d.lddz = out.ld, d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
          d.features = featuresOf(panels, c.inputs, width), d.panels = {0, out.panels};
          d.w = w.data(), d.slot0 = s0.data(), d.slot1 = s1.data(), d.update = Optimizer{kind}.constants(3);
          d.lda = lda, d.lddx = in.ld, d.h = d.z = h.data(), d.activation = c.activation, d.scratch = scratch.data();
          d.a = a.data(), d.dx = dx.data(), d.biasSlot0 = bs0.data(), d.biasSlot1 = bs1.data();
          if (panels.begin == 0) d.bias = b.data();
          if (atOnce) {
            kernels.denseBackward(d);
            continue;
          }
          DenseBackward part = d;
          part.a = nullptr, part.bias = nullptr;
          kernels.denseBackward(part);
          part = d, part.dx = nullptr, part.bias = nullptr;
          kernels.denseBackward(part);
          part = d, part.a = nullptr, part.dx = nullptr;
          kernels.denseBackward(part);
        }
      });
      stayedInside(judge, survived, a, dz, h, dx, scratch, w, s0, s1, b, bs0, bs1);
      return All{dx.read(), w.read(), s0.read(), s1.read(), b.read(), bs0.read(), bs1.read()};
    };
    const auto same = [&](const char* what, const All& got, const All& wanted) {
      for (size_t i = 0; i < got.size(); ++i) sameAs(judge, what, got[i], wanted[i]);
    };
    std::vector<Range> single;
    for (int p = in.panels; p-- > 0;) single.push_back({p, p + 1});
    const All alone = run({{0, in.panels}}, false);
    same("at once", run({{0, in.panels}}, true), alone);
    same("at once, in pieces", run(single, true), alone);
    const All one = run({single.front()}, true);
    const Piece piece{{0, c.rows}, single.front()};
    onlyWithin(judge, "dx of one piece", one[0], alone[0], piece, in, c.rows);
    eachPacked(c.inputs, c.outputs, width, [&](int k, int n, size_t at) {
      judge.same("w of one piece", k, n, one[1][at], (k / width == in.panels - 1 ? alone[1] : w0)[at]);
    });
  }
  return judge;
}

}  // namespace fusor::test
