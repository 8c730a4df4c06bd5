// The kernels that skip zeros of bytes: the same as the dense ones on the bytes' values, bit for bit, so that
// the gates of those hold for them too.
#include "bytes.h"
#include "check.h"

namespace fusor::test {
Judge checkSparseForward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const GuardedBytes guarded(c);
  const auto& [bytes, x, pointers, table] = guarded;
  const Stride out(c.outputs, kernels.width, c.gap);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto bias = Guarded<float>::input(packed(data.bias, 1, c.outputs, kernels.width), c.place);

  std::vector<float> wholeY(out.size(c.rows), poison()), wholeZ(wholeY);
  DenseForward dense{};
  dense.a = bytes.values.data(), dense.lda = c.inputs, dense.inputs = c.inputs, dense.outputs = c.outputs, dense.w = w.data();
  dense.bias = c.bias ? bias.data() : nullptr, dense.y = wholeY.data(), dense.z = wholeZ.data(),
  dense.ldy = out.ld;
  dense.activation = c.activation, dense.rows = {0, c.rows}, dense.panels = {0, out.panels};
  kernels.denseForward(dense);

  const auto forward = [&](const std::vector<Piece>& parts, bool withZ, std::vector<float>& z) {
    const auto y = Guarded<float>::output(out.size(c.rows), c.place);
    const auto zs = Guarded<float>::output(out.size(c.rows), c.place);
    const auto scratch = scratchOf(c, out.panels);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        BytesForward d{};
        d.x = pointers.data(), d.table = table.data(), d.scratch = scratch.data(), d.inputs = c.inputs, d.w = w.data();
        d.bias = c.bias ? bias.data() : nullptr, d.y = y.data(), d.z = withZ ? zs.data() : nullptr,
        d.ldy = out.ld;
        d.activation = c.activation, d.rows = part.rows, d.panels = part.panels;
        kernels.sparseForward(d);
      }
    });
    stayedInside(judge, survived, x, pointers, table, w, bias, y, zs, scratch);
    z = zs.read();
    return y.read();
  };
  std::vector<float> z;
  const Piece whole{{0, c.rows}, {0, out.panels}}, piece = alone(c.rows, out.panels);
  sameAs(judge, "y without z", forward({whole}, false, z), wholeY);
  sameAs(judge, "y", forward({whole}, true, z), wholeY);
  sameAs(judge, "z", z, wholeZ);
  sameAs(judge, "y in pieces", forward(pieces(c.rows, out.panels), true, z), wholeY);
  onlyWithin(judge, "y of one piece", forward({piece}, true, z), wholeY, piece, out, c.rows);
  onlyWithin(judge, "z of one piece", z, wholeZ, piece, out, c.rows);
  return judge;
}

Judge checkSparseBackward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const GuardedBytes guarded(c);
  const auto& [bytes, x, pointers, table] = guarded;
  const Stride out(c.outputs, kernels.width, c.gap);
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto w0 = packed(data.w, c.inputs, c.outputs, kernels.width);
  const auto b0 = packed(data.bias, 1, c.outputs, kernels.width);
  for (UpdateKind kind : {UpdateKind::Store, UpdateKind::Adam}) {
    const Update update = Optimizer{kind}.constants(3);
    // What both get.
    const auto fill = [&](LayerUpdate& d, const Piece& part, float* w, float* s0, float* s1, float* b, float* bs0,
                          float* bs1) {
      d.dz = dz.data(), d.lddz = out.ld, d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
      d.features = part.rows, d.panels = part.panels, d.w = w, d.slot0 = s0, d.slot1 = s1, d.update = update;
      if (c.bias && part.rows.begin == 0) d.bias = b, d.biasSlot0 = bs0, d.biasSlot1 = bs1;
    };
    const Piece whole{{0, c.inputs}, {0, out.panels}};
    std::vector<float> w(w0), s0(w0.size()), s1(s0), b(b0), bs0(b0.size()), bs1(bs0);
    DenseBackward dense{};
    fill(dense, whole, w.data(), s0.data(), s1.data(), b.data(), bs0.data(), bs1.data());
    std::vector<float> copies(backwardScratch(c.rows, c.inputs, c.outputs, kernels.width));
    dense.a = bytes.values.data(), dense.lda = c.inputs, dense.scratch = copies.data();
    kernels.denseBackward(dense);

    const auto run = [&](const std::vector<Piece>& parts, bool all) {
      const Guarded<float> ws(w0, c.place), m(std::vector<float>(w0.size()), c.place), v(m.read(), c.place);
      const Guarded<float> bs(b0, c.place), bm(std::vector<float>(b0.size()), c.place), bv(bm.read(), c.place);
      const auto scratch = scratchOf(c, out.panels);
      const bool survived = survives([&] {
        for (const Piece& part : parts) {
          BytesBackward d{};
          fill(d, part, ws.data(), m.data(), v.data(), bs.data(), bm.data(), bv.data());
          d.x = pointers.data(), d.table = table.data(), d.scratch = scratch.data();
          d.coming = pointers.data(), d.comingRows = c.rows;
          kernels.sparseBackward(d);
        }
      });
      stayedInside(judge, survived, x, pointers, table, dz, ws, m, v, bs, bm, bv, scratch);
      if (all) {
        sameAs(judge, "slot 0", m.read(), s0), sameAs(judge, "slot 1", v.read(), s1), sameAs(judge, "bias", bs.read(), b);
        sameAs(judge, "bias slot 0", bm.read(), bs0), sameAs(judge, "bias slot 1", bv.read(), bs1);
      }
      return ws.read();
    };
    sameAs(judge, "w", run({whole}, true), w);
    sameAs(judge, "w in pieces", run(pieces(c.inputs, out.panels), true), w);
    const Piece piece = alone(c.inputs, out.panels);
    eachPacked(c.inputs, c.outputs, kernels.width, [&, one = run({piece}, false)](int k, int n, size_t at) {
      judge.same("w of one piece", k, n, one[at], (within(piece, k, n, kernels.width) ? w : w0)[at]);
    });
  }
  return judge;
}

}  // namespace fusor::test
