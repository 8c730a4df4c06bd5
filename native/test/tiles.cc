// The kernels that multiply bytes by tiles, against float64: sums in an order of their own, as good as any of float32.
#include "bytes.h"
#include "check.h"

namespace fusor::test {

Judge checkTilesForward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const GuardedBytes guarded(c);
  const auto& [bytes, x, pointers, table] = guarded;
  const Stride out(c.outputs, kernels.width, c.gap);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto bias = Guarded<float>::input(packed(data.bias, 1, c.outputs, kernels.width), c.place);
  const auto forward = [&](const std::vector<Piece>& parts, bool withZ, std::vector<float>& z) {
    const auto y = Guarded<float>::output(out.size(c.rows), c.place), zs = Guarded<float>::output(out.size(c.rows), c.place);
    const auto scratch = scratchOf(c, out.panels);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        BytesForward d{};
        d.x = pointers.data(), d.table = table.data(), d.inputs = c.inputs, d.w = w.data(), d.scratch = scratch.data();
        d.bias = c.bias ? bias.data() : nullptr, d.y = y.data(), d.z = withZ ? zs.data() : nullptr, d.ldy = out.ld;
        d.activation = c.activation, d.rows = part.rows, d.panels = part.panels;
        kernels.tilesForward(d);
      }
    });
    stayedInside(judge, survived, x, pointers, table, w, bias, y, zs, scratch);
    z = zs.read();
    return y.read();
  };
  std::vector<float> z, ignored;
  const Piece whole{{0, c.rows}, {0, out.panels}}, piece = alone(c.rows, out.panels);
  const auto y = forward({whole}, true, z);
  const Sums sums = product(bytes.exact(c.inputs), wide(data.w), c.rows, c.inputs, c.outputs);
  judgeForward(judge, c, data, sums, out, z, y);
  gapsUntouched(judge, y, out, c.rows);
  sameAs(judge, "y without z", forward({whole}, false, ignored), y);
  sameAs(judge, "y in pieces", forward(pieces(c.rows, out.panels), true, ignored), y);
  sameAs(judge, "z in pieces", ignored, z);
  onlyWithin(judge, "y of one piece", forward({piece}, true, ignored), y, piece, out, c.rows);
  onlyWithin(judge, "z of one piece", ignored, z, piece, out, c.rows);
  return judge;
}

Judge checkTilesBackward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const GuardedBytes guarded(c);
  const auto& [bytes, x, pointers, table] = guarded;
  const Stride out(c.outputs, kernels.width, c.gap);
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const size_t size = static_cast<size_t>(out.padded) * c.inputs;
  // Weights, slots and bias from what they were before.
  struct State {
    std::vector<float> w, s0, s1, b, bs0, bs1;
  };
  const auto run = [&](const std::vector<Piece>& parts, UpdateKind kind, const State& from) {
    const Guarded<float> w(from.w, c.place), s0(from.s0, c.place), s1(from.s1, c.place);
    const Guarded<float> b(from.b, c.place), bs0(from.bs0, c.place), bs1(from.bs1, c.place);
    const auto scratch = scratchOf(c, out.panels);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        BytesBackward d{};
        d.x = pointers.data(), d.table = table.data(), d.scratch = scratch.data();
        d.coming = pointers.data(), d.comingRows = c.rows;
        d.dz = dz.data(), d.lddz = out.ld, d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
        d.features = part.rows, d.panels = part.panels, d.update = Optimizer{kind}.constants(3);
        d.w = w.data(), d.slot0 = s0.data(), d.slot1 = s1.data();
        if (c.bias && part.rows.begin == 0) d.bias = b.data(), d.biasSlot0 = bs0.data(), d.biasSlot1 = bs1.data();
        kernels.tilesBackward(d);
      }
    });
    stayedInside(judge, survived, x, pointers, table, dz, w, s0, s1, b, bs0, bs1, scratch);
    return State{w.read(), s0.read(), s1.read(), b.read(), bs0.read(), bs1.read()};
  };

  const std::vector<float> unwritten(size, poison()), columns(out.padded, poison());
  const State nothing{unwritten, unwritten, unwritten, columns, columns, columns};
  const Piece whole{{0, c.inputs}, {0, out.panels}};
  const State stored = run({whole}, UpdateKind::Store, nothing);
  const Sums sums = product(transposed(bytes.exact(c.inputs), c.rows, c.inputs), wide(data.dz), c.inputs, c.rows, c.outputs);
  judgeGradient(judge, c, sums, kernels.width, stored.w);
  const Piece piece = alone(c.inputs, out.panels);
  eachPacked(c.inputs, c.outputs, kernels.width, [&, one = run({piece}, UpdateKind::Store, nothing)](int k, int n, size_t at) {
    judge.same("dw of one piece", k, n, one.w[at], within(piece, k, n, kernels.width) ? stored.w[at] : poison());
  });

  // The same gradient, handed to an optimiser: what the vectors' kernels make of it, a row of batch for each input.
  const State before{packed(data.w, c.inputs, c.outputs, kernels.width), std::vector<float>(size), std::vector<float>(size),
                     packed(data.bias, 1, c.outputs, kernels.width), std::vector<float>(out.padded),
                     std::vector<float>(out.padded)};
  const State after = run({whole}, UpdateKind::Adam, before), parts = run(pieces(c.inputs, out.panels), UpdateKind::Adam, before);
  State wanted = before;
  std::vector<float> row(out.padded);
  for (int k = 0; k < c.inputs; ++k) {
    const float one = 1;
    for (int p = 0; p < out.panels; ++p) {
      const long at = (static_cast<long>(p) * c.inputs + k) * kernels.width;
      DenseBackward d{};
      d.a = &one, d.lda = 1, d.dz = stored.w.data() + at, d.lddz = kernels.width, d.rows = 1, d.inputs = 1;
      d.outputs = std::min(kernels.width, c.outputs - p * kernels.width), d.features = {0, 1}, d.panels = {0, 1};
      d.w = wanted.w.data() + at, d.slot0 = wanted.s0.data() + at, d.slot1 = wanted.s1.data() + at;
      d.update = Optimizer{UpdateKind::Adam}.constants(3);
      kernels.denseBackward(d);
    }
  }
  sameAs(judge, "w", after.w, wanted.w), sameAs(judge, "slot 0", after.s0, wanted.s0);
  sameAs(judge, "slot 1", after.s1, wanted.s1);
  sameAs(judge, "w in pieces", parts.w, after.w), sameAs(judge, "slot 0 in pieces", parts.s0, after.s0);
  sameAs(judge, "slot 1 in pieces", parts.s1, after.s1), sameAs(judge, "bias in pieces", parts.b, after.b);
  return judge;
}

}  // namespace fusor::test
