// The end of the way forward and the start of the way back, a row at a time: the last Dense layer where it is narrow,
// the loss, the gradient before the layer's activation and the one of the stage before. Nobody waits for another row.
#pragma once
#include "chain.h"
#include "input.h"
#include "loss.h"

namespace fusor::cuda {

DEVICE int padded(int n) { return (n + 3) / 4 * 4; }

// Four neighbouring outputs of a row, by one warp: all lanes get them. Nothing waits but the sums.
template <class X>
DEVICE void outputs4(const HeadParams& p, const X& x, int row, int n, float (&v)[4]) {
  float bias[4] = {};
  if (p.bias) load4(p.w + static_cast<long long>(p.inputs) * p.ldw + n, bias);
#pragma unroll 1
  for (int k = 4 * laneOf(); k < p.inputs; k += 128) {
    const auto raw = x.load(row, k);
    float w[4][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      w[j][0] = w[j][1] = w[j][2] = w[j][3] = 0;
      if (k + j < p.inputs) load4(p.w + static_cast<long long>(k + j) * p.ldw + n, w[j]);
    }
    const float4 h = x.value(raw, row, k);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = fmaf(h.w, w[3][i], fmaf(h.z, w[2][i], fmaf(h.y, w[1][i], fmaf(h.x, w[0][i], v[i]))));
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] = warpSum(v[i]) + bias[i];
}

// A row, by a block. kPlain: softmax and cross-entropy, accuracy, ReLU before and nothing else. wait: returns when what the launch's
// other blocks give is there; targets are asked for before.
template <int KIND, bool kPlain, int THREADS, class Wait>
DEVICE void headRow(const HeadParams& p, const Step& step, int row, float* shared, Wait wait) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, n = p.outputs;
  float* const z = shared;  // [outputs], as are the next two
  float* const predictions = z + padded(n);
  float* const d = predictions + padded(n);
  const Source<KIND> x(p.input, step);
  const bool train = step.training && p.dz;
  const Target target(step, step.dataRow(row), n);  // under way while logits are computed
  wait();
#pragma unroll 1
  for (int c = 4 * warp; c < n; c += 4 * (THREADS / 32)) {
    float v[4] = {};
    outputs4(p, x, row, c, v);
    if (laneOf() != 0) continue;
    chainForward<kPlain>(p.chain, step, row, c, v);
    store4(z + c, v, 4);
  }
  __syncthreads();
  const LossRow<kPlain> loss(p.loss, step, row, target, z, p.loss.p ? p.loss.p + static_cast<long long>(row) * p.loss.ldp : predictions);
  if (warp == 0) {
    loss.predict();
    if (train) loss.gradient(d);
    __syncwarp();
#pragma unroll 1
    for (int c = 4 * laneOf(); train && c < n; c += 128) {
      float v[4] = {};
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = c + i < n ? d[c + i] : 0.0f;
      chainBack<kPlain>(p.chain, step, row, c, v);
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = c + i < n ? v[i] : 0.0f;
      store4(d + c, v, 4);
      store4(p.dz + static_cast<long long>(row) * p.chain.ld + c, v, n - c);
    }
  }
  int last = 0;  // the warp that is free first, or the only one with all of the predictions
  if (train && p.dx) {
    last = THREADS / 32 - 1;
    __syncthreads();
#pragma unroll 1
    for (int k0 = 32 * warp; k0 < p.inputs; k0 += THREADS) {
      const int k = k0 + laneOf();
      float sum = 0;
      for (int c = 0; k < p.inputs && c < n; c += 4) {
        float w[4], g[4];
        load4(p.w + static_cast<long long>(k) * p.ldw + c, w);
        load4(d + c, g);
#pragma unroll
        for (int i = 0; i < 4; ++i) sum = fmaf(w[i], g[i], sum);
      }
      float v[4] = {sum};
#pragma unroll
      for (int i = 1; i < 4; ++i) v[i] = __shfl_xor_sync(kEveryLane, sum, i);
      if (k % 4 != 0 || k >= p.inputs) continue;
      chainBack<kPlain>(p.before, step, row, k, v);
      store4(p.dx + static_cast<long long>(row) * p.before.ld + k, v, p.inputs - k);
    }
  }
  if (warp == last && p.loss.rowLosses) loss.results();
  __syncthreads();  // the next row's values go where this one's are
}

}  // namespace fusor::cuda
