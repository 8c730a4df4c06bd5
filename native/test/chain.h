// Two Dense layers and a loss in float64: p = output(activation(x w1 + b1) w2 + b2), loss = sum(c p) / rows,
// where output is nothing or a softmax over each row. With the faults that its gradients are tested for
// (controls.cc).
#pragma once
#include "gates.h"
#include "layout.h"
#include "reference.h"

namespace fusor::test {

enum class ChainFault {
  None,
  SignFlip,
  NoMean,
  TransposedW,
  MaskOfGradient,
  MaskNegative,
  NoBiasGradient,
  LastRow
};

struct Chain {
  static constexpr int kOutputs = 3;
  int rows, inputs, hidden;
  Activation inner;
  bool softmax;
  std::vector<double> x, w1, b1, w2, b2, c;
  std::vector<double> z, h, p;  // of the last forward

  struct Gradients {
    std::vector<double> x, w1, b1, w2, b2;
  };

  // Whether the rows end in a softmax goes by the parity of their number.
  explicit Chain(const DenseCase& shape)
      : rows(shape.rows),
        inputs(shape.inputs),
        hidden(shape.outputs),
        inner(shape.activation),
        softmax(rows % 2 == 0) {
    const DenseData data(shape);
    Random random(11);
    x = wide(data.a), w1 = wide(data.w), b1 = wide(data.bias);
    w2 = wide(random.matrix(static_cast<long>(hidden) * kOutputs));
    b2 = wide(random.matrix(kOutputs));
    c = wide(random.matrix(static_cast<long>(rows) * kOutputs));
  }

  static std::vector<double> affine(const std::vector<double>& a, const std::vector<double>& w,
                                    const std::vector<double>& b, int m, int inner, int n) {
    auto y = product(a, w, m, inner, n).value;
    for (size_t i = 0; i < y.size(); ++i) y[i] += b[i % n];
    return y;
  }

  void forward() {
    z = affine(x, w1, b1, rows, inputs, hidden);
    h = z;
    for (double& v : h) v = activation(inner, v);
    p = affine(h, w2, b2, rows, hidden, kOutputs);
    for (int r = 0; softmax && r < rows; ++r) {
      double total = 0;
      for (int n = 0; n < kOutputs; ++n) total += p[r * kOutputs + n] = std::exp(p[r * kOutputs + n]);
      for (int n = 0; n < kOutputs; ++n) p[r * kOutputs + n] /= total;
    }
  }

  double loss() {
    forward();
    double sum = 0;
    for (size_t i = 0; i < p.size(); ++i) sum += c[i] * p[i];
    return sum / rows;
  }

  Gradients gradients(ChainFault fault) {
    forward();
    std::vector<double> dz2(c);
    for (double& d : dz2)
      d *= (fault == ChainFault::SignFlip ? -1.0 : 1.0) / (fault == ChainFault::NoMean ? 1 : rows);
    for (int r = 0; softmax && r < rows; ++r) {
      double dot = 0;
      for (int n = 0; n < kOutputs; ++n) dot += p[r * kOutputs + n] * dz2[r * kOutputs + n];
      for (int n = 0; n < kOutputs; ++n)
        dz2[r * kOutputs + n] = p[r * kOutputs + n] * (dz2[r * kOutputs + n] - dot);
    }
    const bool turned = fault == ChainFault::TransposedW;
    std::vector<double> dz =
        product(dz2, turned ? w2 : transposed(w2, hidden, kOutputs), rows, kOutputs, hidden).value;
    for (size_t i = 0; i < dz.size(); ++i) {
      const double value = fault == ChainFault::MaskOfGradient ? dz[i]
                           : fault == ChainFault::MaskNegative ? -h[i]
                                                               : h[i];
      dz[i] *= slope(inner, value, z[i]);
    }
    // The rows that the weights' gradients sum over.
    const int summed = fault == ChainFault::LastRow ? rows - 1 : rows;
    const auto over = [&](std::vector<double> m, int columns) {
      m.resize(static_cast<size_t>(summed) * columns);
      return m;
    };
    const std::vector<double> ones(summed, fault == ChainFault::NoBiasGradient ? 0.0 : 1.0);
    const auto d1 = over(dz, hidden), d2 = over(dz2, kOutputs);
    return {product(dz, transposed(w1, inputs, hidden), rows, hidden, inputs).value,
            product(transposed(over(x, inputs), summed, inputs), d1, inputs, summed, hidden).value,
            product(ones, d1, 1, summed, hidden).value,
            product(transposed(over(h, hidden), summed, hidden), d2, hidden, summed, kOutputs).value,
            product(ones, d2, 1, summed, kOutputs).value};
  }

  // The same sums of absolute values, h and p taken with the errors of the sums that they come from: what
  // rounding errors are measured by.
  Gradients magnitudes() const {
    const auto absolute = [](std::vector<double> m) {
      for (double& v : m) v = std::fabs(v);
      return m;
    };
    const auto ax = absolute(x), aw1 = absolute(w1), aw2 = absolute(w2);
    auto ah = affine(ax, aw1, absolute(b1), rows, inputs, hidden);
    for (double& v : ah) v += activation(inner, 0);
    const auto ap = affine(ah, aw2, absolute(b2), rows, hidden, kOutputs);
    std::vector<double> d2(absolute(c)), ones(rows, 1.0);
    for (int r = 0; r < rows; ++r) {
      double *row = &d2[r * kOutputs], largest = 0, logit = 0;
      for (int n = 0; n < kOutputs; ++n)
        largest = std::max(largest, row[n]), logit = std::max(logit, ap[r * kOutputs + n]);
      for (int n = 0; n < kOutputs; ++n)
        row[n] = (softmax ? (row[n] + largest) * (1 + logit) : row[n]) / rows;
    }
    auto d1 = product(d2, transposed(aw2, hidden, kOutputs), rows, kOutputs, hidden).value;
    for (size_t i = 0; i < d1.size(); ++i)
      d1[i] *= inner == Activation::Linear || inner == Activation::Relu ? 1 : 1 + ah[i];
    return {product(d1, transposed(aw1, inputs, hidden), rows, hidden, inputs).value,
            product(transposed(ax, rows, inputs), d1, inputs, rows, hidden).value,
            product(ones, d1, 1, rows, hidden).value,
            product(transposed(ah, rows, hidden), d2, hidden, rows, kOutputs).value,
            product(ones, d2, 1, rows, kOutputs).value};
  }
};

// The formula against differences of the loss.
Judge checkDifferences(const DenseCase&, ChainFault);

// The cases of the table that are small enough to take every derivative by difference.
inline std::vector<DenseCase> chainCases(int lanes, long mostWork) {
  std::vector<DenseCase> chosen;
  for (const DenseCase& c : denseCases(lanes)) {
    if (c.numbers == Numbers::Real && c.work() <= mostWork) chosen.push_back(c);
  }
  return chosen;
}

}  // namespace fusor::test
