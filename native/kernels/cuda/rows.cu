// What no product carries, a row a warp: gathering, single layers, the loss of wide outputs; and the bookkeeping of a
// span. Defines: INPUT (see input.h, for `gather`).
#include "chain.h"
#include "input.h"
#include "loss.h"
#include "sums.h"

using namespace fusor::cuda;

namespace {
constexpr int kThreads = 128;
DEVICE int rowOf() { return static_cast<int>(blockIdx.x) * (kThreads / 32) + static_cast<int>(threadIdx.x) / 32; }
}  // namespace

KERNEL(gather, GatherParams, kThreads) {
  Step step;
  if (!enter(p.call, step)) return;
  const int row = rowOf();
  if (row >= step.rows) return;
  const Source<INPUT> x(p.input, step);
  for (int c = 4 * laneOf(); c < p.input.width; c += 128) {
    const float4 v = x.value(x.load(row, c), row, c);
    const float values[4] = {v.x, v.y, v.z, v.w};
    store4(p.to + static_cast<long long>(row) * p.ld + c, values, p.input.width - c);
  }
}

KERNEL(op, OpParams, kThreads) {
  Step step;
  if (!enter(p.call, step)) return;
  const int row = rowOf();
  if (row >= step.rows) return;
  const long long start = static_cast<long long>(row) * p.ld;
  float* const to = p.to + start;
  if (p.op.kind == OpKind::Activation && p.op.activation == ActivationKind::Softmax) {
    if (p.back) {
      softmaxBack(p.out + start, to, p.width);
      return;
    }
    const Softmax soft(p.in + start, p.width);
    for (int c = laneOf(); c < p.width; c += 32) to[c] = soft.at(p.in[start + c]);
    return;
  }
  for (int c = 4 * laneOf(); c < p.width; c += 128) {
    const long long e = static_cast<long long>(row) * p.width + c;
    const int valid = p.width - c;
    float v[4];
    if (p.back) {
      load4(to + c, v);
      opBack(p.op, step, e, valid, (p.in ? p.in : p.out) + start + c, p.out + start + c, v);
    } else {
      load4(p.in + start + c, v);
      opForward(p.op, step, e, valid, v);
    }
    store4(to + c, v, valid);
  }
}

KERNEL(loss, LossParams, kThreads) {
  Step step;
  if (!enter(p.call, step)) return;
  const int row = rowOf();
  if (row >= step.rows) return;
  const long long start = static_cast<long long>(row) * p.ldz;
  float* const d = step.training && p.dz ? p.dz + start : nullptr;
  const Target target(step, step.dataRow(row), p.loss.outputs);
  const LossRow<false> loss(p.loss, step, row, target, p.z + start, p.loss.p + static_cast<long long>(row) * p.loss.ldp);
  loss.predict();
  if (d) loss.gradient(d);
  if (p.loss.rowLosses) loss.results();
  __syncwarp();
  if (!d || !p.through) return;
  for (int c = 4 * laneOf(); c < p.chain.width; c += 128) {
    float v[4];
    load4(d + c, v);
    chainBack(p.chain, step, row, c, v);
    store4(d + c, v, p.chain.width - c);
  }
}

KERNEL(sums, SumsParams, 32) {
  Step step;
  if (enter(p.call, step)) makeSums(p.sums, step, const_cast<Control*>(p.call.control));
}

KERNEL(advance, AdvanceParams, 32) {
  if (threadIdx.x == 0) p.control->base += p.steps;
}
