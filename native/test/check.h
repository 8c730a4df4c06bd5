// What the gates of the Dense kernels have in common.
#pragma once
#include <algorithm>

#include "gates.h"
#include "layout.h"
#include "reference.h"

namespace fusor::test {

struct Piece {
  Range rows, panels;
};

// A partition into uneven pieces, last panel first, with an empty one among them.
inline std::vector<Piece> pieces(int rows, int panels) {
  const int first = (rows + 2) / 3, second = std::min(rows, first + 1);
  std::vector<Piece> all;
  for (int p = panels; p-- > 0;) {
    all.push_back({{second, rows}, {p, p + 1}});
    all.push_back({{0, first}, {p, p + 1}});
    all.push_back({{first, second}, {p, p + 1}});
    all.push_back({{first, first}, {p, p + 1}});
  }
  return all;
}

// The piece that runs alone, to see that the rest stays as it was. Of one row there is nothing in it.
inline Piece alone(int rows, int panels) { return pieces(rows, panels)[2]; }

inline bool within(const Piece& p, int row, int column, int width) {
  return row >= p.rows.begin && row < p.rows.end && column / width >= p.panels.begin &&
         column / width < p.panels.end;
}

// The inputs of some panels of inputs.
inline Range featuresOf(Range panels, int inputs, int width) {
  return {panels.begin * width, std::min(panels.end * width, inputs)};
}

inline void sameAs(Judge& judge, const char* what, const std::vector<float>& got,
                   const std::vector<float>& whole) {
  for (size_t i = 0; i < got.size(); ++i) judge.same(what, 0, static_cast<long>(i), got[i], whole[i]);
}

template <class... G>
void stayedInside(Judge& judge, bool survived, const G&... memory) {
  judge.expect(survived, "touched memory beyond its arrays");
  judge.expect((memory.intact() && ...), "wrote beyond its arrays");
}

// z against the sums and the bias in float64, y against the activation of z; the padding too.
inline void judgeForward(Judge& judge, const DenseCase& c, const DenseData& data, const Sums& sums, const Stride& out,
                         const std::vector<float>& z, const std::vector<float>& y) {
  const double bound = c.numbers == Numbers::Integer ? 0 : gateBound(c.inputs + c.bias);
  for (int r = 0; r < c.rows; ++r) {
    for (int n = 0; n < out.padded; ++n) {
      const float got = z[r * out.ld + n];
      if (n < c.outputs) {
        const size_t at = static_cast<size_t>(r) * c.outputs + n;
        const double b = c.bias ? data.bias[n] : 0;
        judge.near("z", r, n, got, sums.value[at] + b, kUnit * (sums.magnitude[at] + std::fabs(b)), bound);
      } else {
        judge.zero("padding of z", r, n, got);
      }
      const double wanted = activation(c.activation, got);
      judge.within("y", r, n, y[r * out.ld + n], wanted, activationBound(c.activation).at(got, wanted));
    }
  }
}

// dw, stored, against the sums in float64; its padding too.
inline void judgeGradient(Judge& judge, const DenseCase& c, const Sums& sums, int width, const std::vector<float>& dw) {
  const double bound = c.numbers == Numbers::Integer ? 0 : gateBound(c.rows);
  eachPacked(c.inputs, c.outputs, width, [&](int k, int n, size_t at) {
    if (n >= c.outputs) return judge.zero("padding of dw", k, n, dw[at]);
    const size_t i = static_cast<size_t>(k) * c.outputs + n;
    judge.near("dw", k, n, dw[at], sums.value[i], kUnit * sums.magnitude[i], bound);
  });
}

// What a kernel wrote for one piece only: as in the whole there, nothing elsewhere.
inline void onlyWithin(Judge& judge, const char* what, const std::vector<float>& got,
                       const std::vector<float>& whole, const Piece& piece, const Stride& s, int rows) {
  for (int r = 0; r < rows; ++r) {
    for (int n = 0; n < s.padded; ++n) {
      const size_t at = r * s.ld + n;
      judge.same(what, r, n, got[at], within(piece, r, n, s.width) ? whole[at] : poison());
    }
  }
}

// The gap between rows is not the kernel's.
inline void gapsUntouched(Judge& judge, const std::vector<float>& m, const Stride& s, int rows) {
  for (int r = 0; r + 1 < rows; ++r) {
    for (long c = s.padded; c < s.ld; ++c) judge.same("gap", r, c, m[r * s.ld + c], poison());
  }
}

}  // namespace fusor::test
