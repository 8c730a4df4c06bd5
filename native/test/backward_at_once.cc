// A fused backward pass against its parts: dx has to come from the weights as they were.
#include "backward_run.h"

namespace fusor::test {

Judge checkBackward(const Kernels& kernels, const DenseCase& c) {
  Judge judge;
  const BackwardRun run(kernels, c, DenseData(c), backwardScratch(c.rows, c.inputs, c.outputs, kernels.width), c.place);
  const auto apart = [&](const DenseBackward& d) {
    DenseBackward part = d;
    part.a = nullptr, part.bias = nullptr;
    kernels.denseBackward(part);
    part = d, part.dx = nullptr, part.bias = nullptr;
    kernels.denseBackward(part);
    part = d, part.a = nullptr, part.dx = nullptr;
    kernels.denseBackward(part);
  };
  const std::vector<Range> whole{{0, run.in.panels}}, single = BackwardRun::single(run.in.panels);
  for (UpdateKind kind : {UpdateKind::Store, UpdateKind::Adam}) {
    const auto alone = run(judge, kind, whole, apart);
    BackwardRun::same(judge, "at once", run(judge, kind, whole, kernels.denseBackward), alone);
    BackwardRun::same(judge, "at once, in pieces", run(judge, kind, single, kernels.denseBackward), alone);
    const auto one = run(judge, kind, {single.front()}, kernels.denseBackward);
    const Piece piece{{0, c.rows}, single.front()};
    onlyWithin(judge, "dx of one piece", one[0], alone[0], piece, run.in, c.rows);
    eachPacked(c.inputs, c.outputs, kernels.width, [&](int k, int n, size_t at) {
      judge.same("w of one piece", k, n, one[1][at], (k / kernels.width == run.in.panels - 1 ? alone[1] : run.w0)[at]);
    });
  }
  return judge;
}

}  // namespace fusor::test
