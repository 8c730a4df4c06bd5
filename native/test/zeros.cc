// Dense kernels that leave out zeros: the same as those that do not, bit for bit, so that the gates of those hold for them too.
#include "backward_run.h"

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

}  // namespace

Judge checkZerosForward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride out(c.outputs, kernels.width, c.gap);
  const long lda = apart(c.inputs, c.gap);
  const auto a = Guarded<float>::input(strided(withZeros(data.a, c), c.rows, c.inputs, c.inputs, lda), c.place);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto bias = Guarded<float>::input(packed(data.bias, 1, c.outputs, kernels.width), c.place);
  const auto forward = [&](const std::vector<Piece>& parts, bool sparse, bool withZ, std::vector<float>& z) {
    const auto y = Guarded<float>::output(out.size(c.rows), c.place), zs = Guarded<float>::output(out.size(c.rows), c.place);
    const auto scratch = Guarded<float>::output(sparseForwardScratch(c.rows, c.inputs, kernels.width), placeOfScratch(c));
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
  DenseData data(c);
  data.a = withZeros(data.a, c), data.dz = withZeros(data.dz, c);
  const size_t dense = backwardScratch(c.rows, c.inputs, c.outputs, kernels.width);
  const size_t sparseToo = std::max(dense, sparseScratch(c.rows, c.inputs, c.outputs, kernels.width));
  const BackwardRun run(kernels, c, data, sparseToo, placeOfScratch(c));
  const std::vector<Range> whole{{0, run.in.panels}}, single = BackwardRun::single(run.in.panels);
  for (UpdateKind kind : {UpdateKind::Store, UpdateKind::Adam}) {
    const auto wanted = run(judge, kind, whole, kernels.denseBackward);
    for (const auto sparseDw : {DenseBackward::None, DenseBackward::OfA, DenseBackward::OfDz}) {
      const auto sparse = [&](bool dx) {
        return [&, dx](DenseBackward d) {
          d.sparseDx = dx, d.sparseDw = sparseDw;
          kernels.denseBackward(d);
        };
      };
      // dx alone, then the weights of some outputs, as of a layer that is shared out by its columns.
      const auto byOutputs = [&](const DenseBackward& d) {
        DenseBackward part = d;
        part.a = nullptr;
        sparse(true)(part);
        part = d, part.dx = nullptr, part.bias = nullptr;
        for (const Range& columns : BackwardRun::single(run.out.panels)) part.panels = columns, sparse(true)(part);
      };
      BackwardRun::same(judge, "at once", run(judge, kind, whole, sparse(true)), wanted);
      BackwardRun::same(judge, "by inputs", run(judge, kind, single, sparse(true)), wanted);
      BackwardRun::same(judge, "by outputs", run(judge, kind, whole, byOutputs), wanted);
      BackwardRun::same(judge, "dw alone", run(judge, kind, whole, sparse(false)), wanted);
    }
  }
  return judge;
}

}  // namespace fusor::test
