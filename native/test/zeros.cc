// Dense kernels that leave out zeros: the same as those that do not, bit for bit, so that the gates of those hold for them too.
#include "check.h"

namespace fusor::test {
namespace {

// Zeros among them, and of both signs, where the case is not about numbers of any kind.
std::vector<float> withZeros(std::vector<float> values, const DenseCase& c) {
  if (c.numbers == Numbers::Real) return values;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % 3 != 0) values[i] = i % 2 ? 0.0f : -0.0f;
  }
  return values;
}

// The engine's own, so never at an odd address.
Guarded<float> memoryFor(const DenseCase& c, int width) {
  const size_t dense = backwardScratch(c.rows, c.inputs, c.outputs, width);
  const size_t sparse = sparseScratch(c.rows, c.inputs, c.outputs, width);
  return Guarded<float>::output(std::max(dense, sparse), c.place == Place::Odd ? Place::End : c.place);
}

}  // namespace

Judge checkZerosForward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride out(c.outputs, kernels.width, c.gap);
  const long lda = c.inputs + c.gap;
  const auto a = Guarded<float>::input(strided(withZeros(data.a, c), c.rows, c.inputs, c.inputs, lda), c.place);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto bias = Guarded<float>::input(packed(data.bias, 1, c.outputs, kernels.width), c.place);
  const auto forward = [&](const std::vector<Piece>& parts, bool sparse, bool withZ, std::vector<float>& z) {
    const auto y = Guarded<float>::output(out.size(c.rows), c.place), zs = Guarded<float>::output(out.size(c.rows), c.place);
    const auto scratch = memoryFor(c, kernels.width);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        DenseForward d{};
        d.a = a.data(), d.lda = lda, d.inputs = c.inputs, d.outputs = c.outputs, d.w = w.data();
        d.bias = c.bias ? bias.data() : nullptr, d.y = y.data(), d.z = withZ ? zs.data() : nullptr, d.ldy = out.ld;
        d.activation = c.activation, d.rows = part.rows, d.panels = part.panels;
        d.sparse = sparse, d.scratch = reinterpret_cast<uint8_t*>(scratch.data());
        kernels.denseForward(d);
      }
    });
    stayedInside(judge, survived, a, w, bias, y, zs, scratch);
    z = zs.read();
    return y.read();
  };
  std::vector<float> z, wholeZ;
  const Piece whole{{0, c.rows}, {0, out.panels}}, piece = alone(c.rows, out.panels);
  const auto wholeY = forward({whole}, false, true, wholeZ);
  sameAs(judge, "y without z", forward({whole}, true, false, z), wholeY);
  sameAs(judge, "y", forward({whole}, true, true, z), wholeY);
  sameAs(judge, "z", z, wholeZ);
  sameAs(judge, "y in pieces", forward(pieces(c.rows, out.panels), true, true, z), wholeY);
  sameAs(judge, "z in pieces", z, wholeZ);
  onlyWithin(judge, "y of one piece", forward({piece}, true, true, z), wholeY, piece, out, c.rows);
  onlyWithin(judge, "z of one piece", z, wholeZ, piece, out, c.rows);
  return judge;
}

Judge checkZerosBackward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const int width = kernels.width;
  const Stride in(c.inputs, width, c.gap), out(c.outputs, width, c.gap);
  const long lda = c.inputs + c.gap;
  const auto a = Guarded<float>::input(strided(withZeros(data.a, c), c.rows, c.inputs, c.inputs, lda), c.place);
  const auto dz = Guarded<float>::input(strided(withZeros(data.dz, c), c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto h = Guarded<float>::input(strided(data.z, c.rows, c.inputs, in.padded, in.ld), c.place);
  const auto w0 = packed(data.w, c.inputs, c.outputs, width), b0 = packed(data.bias, 1, c.outputs, width);
  for (UpdateKind kind : {UpdateKind::Store, UpdateKind::Adam}) {
    // dx, then all that is updated: w, its slots, the bias, its slots.
    using All = std::array<std::vector<float>, 7>;
    const auto run = [&](const std::vector<Range>& inputPanels, const std::vector<Range>& outputPanels, bool sparseDx,
                         decltype(DenseBackward::sparseDw) sparseDw) {
      const auto dx = Guarded<float>::output(in.size(c.rows), c.place);
      const auto scratch = memoryFor(c, width);
      const std::vector<float> w1(w0.size()), b1(b0.size());
      const Guarded<float> w(w0, c.place), s0(w1, c.place), s1(w1, c.place);
      const Guarded<float> b(b0, c.place), bs0(b1, c.place), bs1(b1, c.place);
      const bool survived = survives([&] {
        for (const Range& panels : inputPanels) {
          DenseBackward d{};
          d.dz = dz.data(), d.lddz = out.ld, d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
          d.features = featuresOf(panels, c.inputs, width), d.panels = {0, out.panels};
          d.w = w.data(), d.slot0 = s0.data(), d.slot1 = s1.data(), d.update = Optimizer{kind}.constants(3);
          d.lda = lda, d.lddx = in.ld, d.h = d.z = h.data(), d.activation = c.activation, d.scratch = scratch.data();
          d.a = a.data(), d.dx = dx.data(), d.biasSlot0 = bs0.data(), d.biasSlot1 = bs1.data();
          d.sparseDx = sparseDx, d.sparseDw = sparseDw;
          if (panels.begin == 0) d.bias = b.data();
          if (outputPanels.empty()) {
            kernels.denseBackward(d);
            continue;
          }
          // dx alone, then the weights of some outputs, as of a layer that is shared out by its columns.
          DenseBackward part = d;
          part.a = nullptr;
          kernels.denseBackward(part);
          part = d, part.dx = nullptr, part.bias = nullptr;
          for (const Range& columns : outputPanels) part.panels = columns, kernels.denseBackward(part);
        }
      });
      stayedInside(judge, survived, a, dz, h, dx, scratch, w, s0, s1, b, bs0, bs1);
      return All{dx.read(), w.read(), s0.read(), s1.read(), b.read(), bs0.read(), bs1.read()};
    };
    const auto same = [&](const char* what, const All& got, const All& wanted) {
      for (size_t i = 0; i < got.size(); ++i) sameAs(judge, what, got[i], wanted[i]);
    };
    std::vector<Range> one{{0, in.panels}}, singleIn, singleOut;
    for (int p = in.panels; p-- > 0;) singleIn.push_back({p, p + 1});
    for (int p = out.panels; p-- > 0;) singleOut.push_back({p, p + 1});
    const All wanted = run(one, {}, false, DenseBackward::None);
    for (const auto sparseDw : {DenseBackward::None, DenseBackward::OfA, DenseBackward::OfDz}) {
      same("at once", run(one, {}, true, sparseDw), wanted);
      same("by inputs", run(singleIn, {}, true, sparseDw), wanted);
      same("by outputs", run(one, singleOut, true, sparseDw), wanted);
      same("dw alone", run(one, {}, false, sparseDw), wanted);
    }
  }
  return judge;
}

}  // namespace fusor::test
