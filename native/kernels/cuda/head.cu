// The end of the way forward and the start of the way back, a row at a time: the last Dense layer where it is narrow,
// the loss, the gradient before the layer's activation and the one of the stage before. Nobody waits for another row.
// Defines: INPUT.
#include "chain.h"
#include "input.h"
#include "loss.h"

using namespace fusor::cuda;

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;

DEVICE int padded(int n) { return (n + 3) / 4 * 4; }

// Four neighbouring outputs of the row h, by one warp: all lanes get them.
DEVICE void outputs4(const HeadParams& p, const float* h, int n, float (&v)[4]) {
  for (int k = laneOf(); k < p.inputs; k += 32) {
    float w[4];
    load4(p.w + static_cast<long long>(k) * p.ldw + n, w);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = fmaf(h[k], w[i], v[i]);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] = warpSum(v[i]);
  if (!p.bias) return;
  float bias[4];
  load4(p.w + static_cast<long long>(p.inputs) * p.ldw + n, bias);
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] += bias[i];
}

}  // namespace

KERNEL(head, HeadParams, kThreads) {
  SHARED_MEMORY(float, shared);
  Step step;
  if (!enter(p.call, step)) return;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, n = p.outputs;
  float* const h = shared;                  // [inputs], then their gradient
  float* const z = h + padded(p.inputs);    // [outputs], as are the next two
  float* const predictions = z + padded(n);
  float* const d = predictions + padded(n);
  const Source<INPUT> x(p.input, step);
  const bool train = step.training && p.dz;

  for (int row = static_cast<int>(blockIdx.x); row < step.rows; row += static_cast<int>(gridDim.x)) {
    for (int k = 4 * thread; k < p.inputs; k += 4 * kThreads) {
      *reinterpret_cast<float4*>(h + k) = x.value(x.load(row, k), row, k);
    }
    __syncthreads();
    for (int c = 4 * warp; c < n; c += 4 * kWarps) {
      float v[4] = {};
      outputs4(p, h, c, v);
      if (laneOf() != 0) continue;
      chainForward(p.chain, step, row, c, v);
      store4(z + c, v, 4);
    }
    __syncthreads();
    if (warp == 0) {
      lossRow(p.loss, step, row, z, p.loss.p ? p.loss.p + static_cast<long long>(row) * p.loss.ldp : predictions,
              train ? d : nullptr);
      __syncwarp();
      for (int c = 4 * laneOf(); train && c < n; c += 128) {
        float v[4] = {};
#pragma unroll
        for (int i = 0; i < 4; ++i) v[i] = c + i < n ? d[c + i] : 0.0f;
        chainBack(p.chain, step, row, c, v);
#pragma unroll
        for (int i = 0; i < 4; ++i) v[i] = c + i < n ? v[i] : 0.0f;
        store4(d + c, v, 4);
        store4(p.dz + static_cast<long long>(row) * p.chain.ld + c, v, n - c);
      }
    }
    if (train && p.dx) {
      __syncthreads();
      for (int k = thread; k < p.inputs; k += kThreads) {
        float sum = 0;
        for (int c = 0; c < n; c += 4) {
          float w[4], g[4];
          load4(p.w + static_cast<long long>(k) * p.ldw + c, w);
          load4(d + c, g);
#pragma unroll
          for (int i = 0; i < 4; ++i) sum = fmaf(w[i], g[i], sum);
        }
        h[k] = sum;
      }
      __syncthreads();
      for (int k = 4 * thread; k < p.inputs; k += 4 * kThreads) {
        float v[4] = {};
#pragma unroll
        for (int i = 0; i < 4; ++i) v[i] = k + i < p.inputs ? h[k + i] : 0.0f;
        chainBack(p.before, step, row, k, v);
        store4(p.dx + static_cast<long long>(row) * p.before.ld + k, v, p.inputs - k);
      }
    }
    __syncthreads();  // the next row's values go where this one's are
  }
}
