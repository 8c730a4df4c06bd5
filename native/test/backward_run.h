// A whole way back through a Dense layer, behind guards: what the gates give to denseBackward, and all that it writes.
#pragma once
#include <array>

#include "check.h"

namespace fusor::test {

class BackwardRun {
 public:
  // dx, then all that is updated: w, its slots, the bias, its slots.
  using All = std::array<std::vector<float>, 7>;

  // scratch: floats, and where they lie.
  BackwardRun(const Kernels& kernels, const DenseCase& c, const DenseData& data, size_t scratch, Place place)
      : in(c.inputs, kernels.width, c.gap),
        out(c.outputs, kernels.width, c.gap),
        w0(packed(data.w, c.inputs, c.outputs, kernels.width)),
        c_(c),
        width_(kernels.width),
        lda_(apart(c.inputs, c.gap)),
        scratch_(scratch),
        scratchPlace_(place),
        b0_(packed(data.bias, 1, c.outputs, kernels.width)),
        a_(Guarded<float>::input(strided(data.a, c.rows, c.inputs, c.inputs, lda_), c.place)),
        dz_(Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place)),
        h_(Guarded<float>::input(strided(data.z, c.rows, c.inputs, in.padded, in.ld), c.place)) {}

  // call(d) for some panels of inputs after the others; d has everything, and the bias with the first panel.
  template <class Call>
  All operator()(Judge& judge, UpdateKind kind, const std::vector<Range>& parts, Call call) const {
    const auto scratch = Guarded<float>::output(scratch_, scratchPlace_);
    const auto dx = Guarded<float>::output(in.size(c_.rows), c_.place);
    const std::vector<float> w1(w0.size()), b1(b0_.size());
    const Guarded<float> w(w0, c_.place), s0(w1, c_.place), s1(w1, c_.place);
    const Guarded<float> b(b0_, c_.place), bs0(b1, c_.place), bs1(b1, c_.place);
    const bool survived = survives([&] {
      for (const Range& panels : parts) {
        DenseBackward d{};
        d.dz = dz_.data(), d.lddz = out.ld, d.rows = c_.rows, d.inputs = c_.inputs, d.outputs = c_.outputs;
        d.features = featuresOf(panels, c_.inputs, width_), d.panels = {0, out.panels};
        d.w = w.data(), d.slot0 = s0.data(), d.slot1 = s1.data(), d.update = Optimizer{kind}.constants(3);
        d.lda = lda_, d.lddx = in.ld, d.h = d.z = h_.data(), d.activation = c_.activation, d.scratch = scratch.data();
        d.a = a_.data(), d.dx = dx.data(), d.biasSlot0 = bs0.data(), d.biasSlot1 = bs1.data();
        if (panels.begin == 0) d.bias = b.data();
        call(d);
      }
    });
    stayedInside(judge, survived, a_, dz_, h_, dx, scratch, w, s0, s1, b, bs0, bs1);
    return All{dx.read(), w.read(), s0.read(), s1.read(), b.read(), bs0.read(), bs1.read()};
  }

  static void same(Judge& judge, const char* what, const All& got, const All& wanted) {
    for (size_t i = 0; i < got.size(); ++i) sameAs(judge, what, got[i], wanted[i]);
  }
  // The panels one by one, the last first.
  static std::vector<Range> single(int panels) {
    std::vector<Range> all;
    for (int p = panels; p-- > 0;) all.push_back({p, p + 1});
    return all;
  }

  const Stride in, out;
  const std::vector<float> w0;

 private:
  const DenseCase& c_;
  const int width_;
  const long lda_;
  const size_t scratch_;
  const Place scratchPlace_;
  const std::vector<float> b0_;
  const Guarded<float> a_, dz_, h_;
};

}  // namespace fusor::test
