#include "check.h"

namespace fusor::test {

Judge checkInputGradient(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride in(c.inputs, kernels.width, c.gap), out(c.outputs, kernels.width, c.gap);
  std::vector<float> values(data.z);  // of the layer before
  for (float& value : values) value = static_cast<float>(activation(c.activation, value));
  const float atZero = static_cast<float>(activation(c.activation, 0));
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto h = Guarded<float>::input(strided(values, c.rows, c.inputs, in.padded, in.ld, atZero), c.place);
  const auto z = Guarded<float>::input(strided(data.z, c.rows, c.inputs, in.padded, in.ld), c.place);
  const bool readsH = c.activation != Activation::Linear, readsZ = c.activation == Activation::Gelu;
  const auto gradient = [&](const std::vector<Piece>& parts) {
    const auto dx = Guarded<float>::output(in.size(c.rows), c.place);
    const auto scratch = Guarded<float>::output(backwardScratch(c.rows, c.inputs, c.outputs, kernels.width), c.place);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        const long row = part.rows.begin;
        DenseBackward d{};
        d.dz = dz.data() + row * out.ld, d.lddz = out.ld, d.w = w.data();
        d.rows = part.rows.size(), d.inputs = c.inputs, d.outputs = c.outputs;
        d.features = featuresOf(part.panels, c.inputs, kernels.width), d.panels = {0, out.panels};
        d.dx = dx.data() + row * in.ld, d.lddx = in.ld, d.activation = c.activation, d.scratch = scratch.data();
        if (readsH) d.h = h.data() + row * in.ld;
        if (readsZ) d.z = z.data() + row * in.ld;
        kernels.denseBackward(d);
      }
    });
    stayedInside(judge, survived, dz, w, h, z, dx, scratch);
    return dx.read();
  };

  const auto dx = gradient({{{0, c.rows}, {0, in.panels}}});
  const Sums sums =
      product(wide(data.dz), wide(transposed(data.w, c.inputs, c.outputs)), c.rows, c.outputs, c.inputs);
  const double bound = c.numbers == Numbers::Integer ? 0 : gateBound(c.outputs);
  for (int r = 0; r < c.rows; ++r) {
    for (int i = 0; i < in.padded; ++i) {
      const float got = dx[r * in.ld + i];
      if (i >= c.inputs) {
        judge.zero("padding of dx", r, i, got);
        continue;
      }
      const size_t at = static_cast<size_t>(r) * c.inputs + i;
      const double factor = slope(c.activation, values[at], data.z[at]);
      // The slope's own error comes on top of the sum's.
      const double unit =
          kUnit * sums.magnitude[at] * (std::fabs(factor) + slopeBound(c.activation) / gateBound(c.outputs));
      judge.near("dx", r, i, got, sums.value[at] * factor, unit, bound);
    }
  }
  gapsUntouched(judge, dx, in, c.rows);
  sameAs(judge, "dx in pieces", gradient(pieces(c.rows, in.panels)), dx);
  const Piece piece = alone(c.rows, in.panels);
  onlyWithin(judge, "dx of one piece", gradient({piece}), dx, piece, in, c.rows);
  return judge;
}

Judge checkWeightGradient(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride out(c.outputs, kernels.width, c.gap);
  const long lda = apart(c.inputs, c.gap);
  const auto a = Guarded<float>::input(strided(data.a, c.rows, c.inputs, c.inputs, lda), c.place);
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto gradient = [&](const std::vector<Piece>& parts) {
    const auto w = Guarded<float>::output(static_cast<size_t>(out.packed) * c.inputs, c.place);
    const auto scratch = Guarded<float>::output(backwardScratch(c.rows, c.inputs, c.outputs, kernels.width), c.place);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        DenseBackward d{};
        d.a = a.data(), d.lda = lda, d.dz = dz.data(), d.lddz = out.ld, d.scratch = scratch.data();
        d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs, d.features = part.rows, d.panels = part.panels;
        d.w = w.data(), d.update.kind = UpdateKind::Store;
        kernels.denseBackward(d);
      }
    });
    stayedInside(judge, survived, a, dz, w);
    return w.read();
  };

  const auto g = gradient({{{0, c.inputs}, {0, out.panels}}});
  const Sums sums =
      product(wide(transposed(data.a, c.rows, c.inputs)), wide(data.dz), c.inputs, c.rows, c.outputs);
  judgeGradient(judge, c, sums, kernels.width, g);
  sameAs(judge, "dw in pieces", gradient(pieces(c.inputs, out.panels)), g);
  const Piece piece = alone(c.inputs, out.panels);
  eachPacked(c.inputs, c.outputs, kernels.width, [&, one = gradient({piece})](int k, int n, size_t at) {
    judge.same("dw of one piece", k, n, one[at], within(piece, k, n, kernels.width) ? g[at] : poison());
  });
  return judge;
}

Judge checkBiasGradient(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride out(c.outputs, kernels.width, c.gap);
  const auto dz = Guarded<float>::input(strided(data.dz, c.rows, c.outputs, out.padded, out.ld), c.place);
  const auto gradient = [&](const std::vector<Range>& parts) {
    const auto bias = Guarded<float>::output(out.packed, c.place);
    const bool survived = survives([&] {
      for (const Range& panels : parts) {
        DenseBackward d{};
        d.dz = dz.data(), d.lddz = out.ld, d.rows = c.rows, d.inputs = c.inputs, d.outputs = c.outputs;
        d.panels = panels, d.bias = bias.data(), d.update.kind = UpdateKind::Store;
        kernels.denseBackward(d);
      }
    });
    stayedInside(judge, survived, dz, bias);
    return bias.read();
  };

  const auto g = gradient({{0, out.panels}});
  const Sums sums = product(std::vector<double>(c.rows, 1.0), wide(data.dz), 1, c.rows, c.outputs);
  const double bound = c.numbers == Numbers::Integer ? 0 : gateBound(c.rows);
  for (int n = 0; n < out.packed; ++n) {
    if (n >= c.outputs)
      judge.zero("padding of db", 0, n, g[n]);
    else
      judge.near("db", 0, n, g[n], sums.value[n], kUnit * sums.magnitude[n], bound);
  }
  std::vector<Range> single;
  for (int p = out.panels; p-- > 0;) single.push_back({p, p + 1});
  sameAs(judge, "db in pieces", gradient(single), g);
  const auto one = gradient({single.front()});
  for (int n = 0; n < out.packed; ++n) {
    judge.same("db of one panel", 0, n, one[n], n / kernels.width == out.panels - 1 ? g[n] : poison());
  }
  return judge;
}

}  // namespace fusor::test
