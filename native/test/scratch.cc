// The memory that is taken once for a batch is enough for a last batch of fewer rows.
#include <algorithm>

#include "gates.h"

namespace fusor::test {
namespace {

struct Net {
  int inputs, outputs;
};
constexpr Net kNets[] = {{784, 128}, {128, 10}, {64, 64}, {1024, 1024}, {300, 2000}};
constexpr int kMostRows = 4100;

// size(rows) never falls.
template <class Size>
void check(Report& report, const char* name, Net net, Size size) {
  Judge judge;
  size_t most = 0;
  for (int rows = 1; rows <= kMostRows; ++rows) {
    const size_t bytes = size(rows);
    judge.expect(bytes >= most, format("%d rows: %zu, fewer need %zu", rows, bytes, most));
    most = std::max(most, bytes);
  }
  report.add(format("%s %dx%d", name, net.inputs, net.outputs), judge);
}

}  // namespace

void checkScratch(Report& report) {
  report.group("scratch", "enough for fewer rows");
  for (const Net net : kNets) {
    check(report, "backward", net, [&](int rows) { return backwardScratch(rows, net.inputs, net.outputs, 32); });
    check(report, "float tiles", net, [&](int rows) { return denseTilesScratch(rows, net.inputs, net.outputs); });
    check(report, "zeros", net, [&](int rows) { return sparseScratch(rows, net.inputs, net.outputs, 32); });
    check(report, "bytes", net, [&](int rows) { return bytesScratch(rows, net.inputs, panelsOf(net.outputs, 32)); });
  }
}

}  // namespace fusor::test
