// Philox-4x32-10 against the vectors that its authors publish with Random123 (kat_vectors), and dropout drawn
// from it.
#include "kernels/cpu/philox.h"

#include <cmath>

#include "gates.h"

namespace fusor::test {

void checkPhilox(Report& report) {
  report.group("philox", "published vectors");
  struct Vector {
    uint32_t counter[4];
    uint64_t key;
    uint32_t wanted[4];
  };
  const Vector vectors[] = {{{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                            {{~0u, ~0u, ~0u, ~0u}, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                            {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                             0x299f31d0a4093822,
                             {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Vector& v : vectors) {
    uint32_t out[4];
    philox(v.counter, v.key, out);
    Judge judge;
    for (int i = 0; i < 4; ++i)
      judge.expect(out[i] == v.wanted[i], format("word %d: got %08x, wanted %08x", i, out[i], v.wanted[i]));
    report.add(format("counter %08x…", v.counter[0]), judge);
  }

  report.group("philox", "dropout");
  constexpr int64_t count = 100000;
  for (double rate : {0.1, 0.5, 0.9}) {
    const Dropout dropout(42, 1, 3000000000, rate);
    const float kept = static_cast<float>(1 / (1 - rate));
    std::vector<float> whole(count);
    Judge share, parts;
    long dropped = 0;
    dropout.each(0, count, [&](int64_t e, float factor) {
      whole[e] = factor;
      dropped += factor == 0;
      share.expect(factor == 0 || factor == kept, format("factor %g, neither 0 nor %g", factor, kept));
    });
    // Within five standard deviations.
    share.expect(std::abs(dropped - rate * count) < 5 * std::sqrt(count * rate * (1 - rate)),
                 format("%ld dropped", dropped));
    report.add(format("rate %g: share", rate), share);
    for (int64_t begin : {1, 2, 3, 4, 5, 997}) {
      dropout.each(begin, begin + 11,
                   [&](int64_t e, float factor) { parts.same("factor", 0, e, factor, whole[e]); });
    }
    report.add(format("rate %g: from within a block", rate), parts);
  }
}

}  // namespace fusor::test
