#include "check.h"

namespace fusor::test {

Judge checkForward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const DenseData data(c);
  const Stride out(c.outputs, kernels.width, c.gap);
  const long lda = apart(c.inputs, c.gap);
  const auto a = Guarded<float>::input(strided(data.a, c.rows, c.inputs, c.inputs, lda), c.place);
  const auto w = Guarded<float>::input(packed(data.w, c.inputs, c.outputs, kernels.width), c.place);
  const auto bias = Guarded<float>::input(packed(data.bias, 1, c.outputs, kernels.width), c.place);
  const auto forward = [&](const std::vector<Piece>& parts, bool withZ, std::vector<float>& z) {
    const auto y = Guarded<float>::output(out.size(c.rows), c.place),
               zs = Guarded<float>::output(out.size(c.rows), c.place);
    const bool survived = survives([&] {
      for (const Piece& part : parts) {
        DenseForward d{};
        d.a = a.data(), d.lda = lda, d.inputs = c.inputs, d.outputs = c.outputs;
        d.w = w.data(), d.bias = c.bias ? bias.data() : nullptr;
        d.y = y.data(), d.z = withZ ? zs.data() : nullptr, d.ldy = out.ld;
        d.activation = c.activation, d.rows = part.rows, d.panels = part.panels;
        kernels.denseForward(d);
      }
    });
    stayedInside(judge, survived, a, w, bias, y, zs);
    z = zs.read();
    return y.read();
  };

  std::vector<float> z, ignored;
  const auto y = forward({{{0, c.rows}, {0, out.panels}}}, true, z);
  const Sums sums = product(wide(data.a), wide(data.w), c.rows, c.inputs, c.outputs);
  judgeForward(judge, c, data, sums, out, z, y);
  gapsUntouched(judge, y, out, c.rows);
  gapsUntouched(judge, z, out, c.rows);
  sameAs(judge, "y without z", forward({{{0, c.rows}, {0, out.panels}}}, false, ignored), y);
  sameAs(judge, "y in pieces", forward(pieces(c.rows, out.panels), true, ignored), y);
  sameAs(judge, "z in pieces", ignored, z);
  const Piece piece = alone(c.rows, out.panels);
  onlyWithin(judge, "y of one piece", forward({piece}, true, ignored), y, piece, out, c.rows);
  onlyWithin(judge, "z of one piece", ignored, z, piece, out, c.rows);
  return judge;
}

// One NaN at a time: in the batch it reaches its row, in the weights and in the bias its column.
Judge checkNan(const Kernels& kernels, Activation activation) {
  constexpr int rows = 5, inputs = 73;
  const int outputs = kernels.width + 3;
  Judge judge;
  const DenseCase c{rows, inputs, outputs, activation, true, Numbers::Real, Place::End, 0};
  const Stride out(outputs, kernels.width, 0);
  for (int where = 0; where < 3; ++where) {
    DenseData data(c);
    const int row = 3, column = outputs - 1;
    (where == 0   ? data.a[row * inputs + 4]
     : where == 1 ? data.w[4 * outputs + column]
                  : data.bias[column]) = NAN;
    const auto w = packed(data.w, inputs, outputs, kernels.width),
               bias = packed(data.bias, 1, outputs, kernels.width);
    std::vector<float> y(out.size(rows));
    DenseForward d{};
    d.a = data.a.data(), d.lda = inputs, d.inputs = inputs, d.outputs = outputs, d.w = w.data(), d.bias = bias.data();
    d.y = y.data(), d.ldy = out.ld, d.activation = activation, d.rows = {0, rows}, d.panels = {0, out.panels};
    std::vector<float> scratch(sparseScratch(rows, inputs, outputs, kernels.width));
    d.scratch = reinterpret_cast<uint8_t*>(scratch.data());
    for (bool sparse : {false, true}) {
      d.sparse = sparse;
      kernels.denseForward(d);
      for (int r = 0; r < rows; ++r) {
        for (int n = 0; n < outputs; ++n) {
          const bool wanted = where == 0 ? r == row : n == column;
          judge.expect(std::isnan(y[r * out.ld + n]) == wanted,
                       format("y[%d, %d]: NaN should %sbe there", r, n, wanted ? "" : "not "));
        }
      }
    }
  }
  return judge;
}

}  // namespace fusor::test
