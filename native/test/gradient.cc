// Gradients: the chain rule against central differences (float64 only), then the kernels' chain against the
// chain rule.
#include "chain.h"
#include "check.h"

namespace fusor::test {
namespace {

// In kUnit of the sums of absolute values; errors of the first layer's values pass through the second. About
// twice what was measured.
constexpr double kChainBound = 6;

void differences(Judge& judge, const char* name, Chain& chain, std::vector<double>& parameter,
                 const std::vector<double>& gradient) {
  constexpr double epsilon = 1e-5, relative = 1e-5, leastScale = 1e-3;
  for (size_t i = 0; i < parameter.size(); ++i) {
    const double before = parameter[i];
    parameter[i] = before + epsilon;
    const double above = chain.loss();
    parameter[i] = before - epsilon;
    const double below = chain.loss();
    parameter[i] = before;
    const double wanted = (above - below) / (2 * epsilon);
    const double allowed = relative * std::max(std::fabs(wanted), leastScale);
    judge.expect(std::fabs(gradient[i] - wanted) <= allowed,
                 format("%s[%zu]: formula %.12g, difference %.12g", name, i, gradient[i], wanted));
  }
}

void close(Judge& judge, const char* what, const std::vector<float>& got, int rows, int columns, int width,
           const std::vector<double>& wanted, const std::vector<double>& magnitude) {
  eachPacked(rows, columns, width, [&](int r, int n, size_t at) {
    const size_t i = static_cast<size_t>(r) * columns + n;
    if (n < columns) judge.near(what, r, n, got[at], wanted[i], kUnit * magnitude[i], kChainBound);
  });
}

std::vector<float> narrow(const std::vector<double>& m) { return {m.begin(), m.end()}; }

}  // namespace

Judge checkDifferences(const DenseCase& c, ChainFault fault) {
  Judge judge;
  Chain chain(c);
  const Chain::Gradients g = chain.gradients(fault);
  differences(judge, "dx", chain, chain.x, g.x);
  differences(judge, "dw1", chain, chain.w1, g.w1);
  differences(judge, "db1", chain, chain.b1, g.b1);
  differences(judge, "dw2", chain, chain.w2, g.w2);
  differences(judge, "db2", chain, chain.b2, g.b2);
  return judge;
}

Judge checkChain(const Kernels& k, const DenseCase& c) {
  constexpr int outputs = Chain::kOutputs;
  Chain chain(c);
  const int width = k.width;
  const Stride in(c.inputs, width, 0), mid(c.outputs, width, 0), out(outputs, width, 0);
  const auto x = narrow(chain.x);
  auto w1 = packed(narrow(chain.w1), c.inputs, c.outputs, width), b1 = packed(narrow(chain.b1), 1, c.outputs, width);
  auto w2 = packed(narrow(chain.w2), c.outputs, outputs, width), b2 = packed(narrow(chain.b2), 1, outputs, width);
  std::vector<float> h(mid.size(c.rows)), z(h), p(out.size(c.rows)), dz1(h), dz2(p), dx(in.size(c.rows));
  std::vector<float> scratch(static_cast<size_t>(std::max(c.outputs, outputs)) * width);

  const auto dense = [&](const std::vector<float>& a, long lda, const std::vector<float>& w,
                         const std::vector<float>& b, int inputs, int units, Activation activation,
                         std::vector<float>& y, float* before, const Stride& to) {
    DenseForward d{};
    d.a = a.data(), d.lda = lda, d.w = w.data(), d.bias = b.data(), d.y = y.data(), d.z = before,
    d.ldy = to.ld;
    d.inputs = inputs, d.outputs = units, d.activation = activation, d.rows = {0, c.rows}, d.panels = {0, to.panels};
    k.denseForward(d);
  };
  dense(x, c.inputs, w1, b1, c.inputs, c.outputs, c.activation, h, z.data(), mid);
  dense(h, mid.ld, w2, b2, c.outputs, outputs, Activation::Linear, p, nullptr, out);
  for (int r = 0; r < c.rows; ++r) {
    float *row = &p[r * out.ld], *d = &dz2[r * out.ld];
    for (int n = 0; n < outputs; ++n) d[n] = static_cast<float>(chain.c[r * outputs + n] / c.rows);
    if (!chain.softmax) continue;
    k.activate(Activation::Softmax, row, row, outputs);
    k.activateBackward(Activation::Softmax, row, nullptr, d, d, outputs);
  }
  // w and b become their gradients.
  const auto back = [&](const std::vector<float>& from, long lda, const std::vector<float>& dz, const Stride& s,
                        std::vector<float>& w, std::vector<float>& b, int inputs, int columns, Activation activation,
                        std::vector<float>& to, const Stride& before) {
    DenseBackward d{};
    d.a = from.data(), d.lda = lda, d.dz = dz.data(), d.lddz = s.ld;
    d.rows = c.rows, d.inputs = inputs, d.outputs = columns, d.features = {0, inputs}, d.panels = {0, s.panels};
    d.w = w.data(), d.bias = b.data(), d.update.kind = UpdateKind::Store;
    d.dx = to.data(), d.h = h.data(), d.z = z.data(), d.lddx = before.ld, d.activation = activation;
    d.scratch = scratch.data();
    k.denseBackward(d);
  };
  back(h, mid.ld, dz2, out, w2, b2, c.outputs, outputs, c.activation, dz1, mid);
  back(x, c.inputs, dz1, mid, w1, b1, c.inputs, c.outputs, Activation::Linear, dx, in);

  Judge judge;
  const Chain::Gradients g = chain.gradients(ChainFault::None), size = chain.magnitudes();
  close(judge, "dw1", w1, c.inputs, c.outputs, width, g.w1, size.w1);
  close(judge, "db1", b1, 1, c.outputs, width, g.b1, size.b1);
  close(judge, "dw2", w2, c.outputs, outputs, width, g.w2, size.w2);
  close(judge, "db2", b2, 1, outputs, width, g.b2, size.b2);
  for (int r = 0; r < c.rows; ++r) {
    for (int i = 0; i < c.inputs; ++i) {
      const size_t at = static_cast<size_t>(r) * c.inputs + i;
      judge.near("dx", r, i, dx[r * in.ld + i], g.x[at], kUnit * size.x[at], kChainBound);
    }
  }
  return judge;
}

void compareGradients(Report& report) {
  report.group("float64", "central differences");
  for (const DenseCase& c : chainCases(8, 200)) report.add(c.name(), checkDifferences(c, ChainFault::None));
}

void compareChains(const Kernels& kernels, Report& report) {
  report.group(kernels.name, "chain of two layers, gradients");
  for (const DenseCase& c : chainCases(kernels.width / 2, 20000))
    report.add(c.name(), checkChain(kernels, c));
}

}  // namespace fusor::test
