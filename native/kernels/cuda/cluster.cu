// A net of two Dense layers with softmax and cross-entropy, trained for many steps in one launch: a cluster of 8 blocks
// whose registers hold the first layer. Block c owns hidden units 16c … 16c + 15; a warp owns some tiles of 8 features, and
// keeps their weights and slots as the tensor cores want them: lane (r, q) has units r and r + 8, features 2q and 2q + 1
// of each tile. That is how a product's result lies, and, its features taken in the order 0 2 4 6 1 3 5 7, how a left
// operand lies: weights never move. Once a step the blocks exchange their shares of the logits; each adds all shares in
// the same order and goes on alone. Rows of the next step come while this one is computed.
// Defines: INPUT (kBytes, kFloats), FEATURES, UNITS, CLASSES, BATCH, BIAS1, BIAS2 (0, 1), OPTIMIZER,
// MODE (0: FFMA, 1: tf32, 3: tf32 in split parts, float32's accuracy).
#include "activation.h"
#include "cluster.h"
#include "cluster_shape.h"
#include "input.h"
#include "loss.h"
#include "optimizer.h"

using namespace fusor::cuda;

namespace {

constexpr OptimizerKind kOptimizer = OptimizerKind::OPTIMIZER;
constexpr bool kIsBytes = INPUT == kBytes;
using Element = Pick<kIsBytes, unsigned char, float>::Type;

constexpr ClusterShape kShape{FEATURES, BATCH, sizeof(Element)};
constexpr int kBlocks = kClusterBlocks, kOwn = kClusterUnits, kRows = kShape.rows(), kRowTiles = kRows / 8, kTiles = kShape.tiles(),
              kWarps = kShape.warps(), kThreads = 32 * kWarps, kStride = kShape.stride(), kUnitStride = kShape.unitStride(),
              kShare = kShape.shareFloats();
constexpr bool kWhole = kWarps * kTiles * 8 == FEATURES && UNITS == kBlocks * kOwn;  // nothing is padding
static_assert(kShape.heldRegisters() <= kClusterRegisters && UNITS <= kBlocks * kOwn && CLASSES <= kClusterClasses,
              "too large for a cluster's registers");

DEVICE float toFloat(Element x) { return static_cast<float>(x); }
DEVICE float infinity() { return __uint_as_float(0x7f800000u); }

DEVICE void product(float (&c)[4], const float (&a)[4], float b0, float b1) {
  if constexpr (MODE == 1) {
    multiplyRounded<kIsBytes>(c, a, b0, b1);
  } else {
    multiplySplit<kIsBytes>(c, a, b0, b1);
  }
}

// Brings a step's rows into a buffer; which they are stands in shared memory.
DEVICE void fetchRows(const void* data, const int* rows, int count, Element* to) {
  const Element* x = static_cast<const Element*>(data);
  constexpr int bytes = FEATURES * static_cast<int>(sizeof(Element));
  if constexpr (bytes % 4 == 0) {
    constexpr int step = bytes % 16 == 0 ? 16 : 4, pieces = bytes / step, each = step / static_cast<int>(sizeof(Element));
    for (int i = static_cast<int>(threadIdx.x); i < count * pieces; i += kThreads) {
      const int row = i / pieces, piece = i % pieces;
      copyAsync<step>(to + row * kStride + piece * each, x + static_cast<long long>(rows[row]) * FEATURES + piece * each);
    }
  } else {
    for (int i = static_cast<int>(threadIdx.x); i < count * FEATURES; i += kThreads) {
      to[i / FEATURES * kStride + i % FEATURES] = x[static_cast<long long>(rows[i / FEATURES]) * FEATURES + i % FEATURES];
    }
  }
  commitCopies();
}

// This warp's share of the units' sums: z[j] is a tile [16 units, 8 rows], as a product leaves it.
DEVICE void forwardShare(const Element* x, const float (&w)[kTiles][4], float (&z)[kRowTiles][4]) {
  const int lane = laneOf(), r = lane / 4, q = lane % 4, first = static_cast<int>(threadIdx.x) / 32 * kTiles * 8;
  if constexpr (MODE == 0) {
#pragma unroll
    for (int j = 0; j < kRowTiles; ++j) {
      // Two units x two features of each row; then the four lanes of a unit add up, each keeping two rows.
      float sum[2][8] = {};
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
#pragma unroll
        for (int b = 0; b < 8; ++b) {
          const Element* at = x + (8 * j + b) * kStride + first + 8 * t + 2 * q;
          const float x0 = toFloat(at[0]), x1 = toFloat(at[1]);
          sum[0][b] = fmaf(w[t][1], x1, fmaf(w[t][0], x0, sum[0][b]));
          sum[1][b] = fmaf(w[t][3], x1, fmaf(w[t][2], x0, sum[1][b]));
        }
      }
#pragma unroll
      for (int u = 0; u < 2; ++u) {
#pragma unroll
        for (int b = 0; b < 8; ++b) {
          sum[u][b] += __shfl_xor_sync(kEveryLane, sum[u][b], 1);
          sum[u][b] += __shfl_xor_sync(kEveryLane, sum[u][b], 2);
        }
#pragma unroll
        for (int b = 0; b < 2; ++b) {
          z[j][2 * u + b] = q < 2 ? (q == 0 ? sum[u][b] : sum[u][2 + b]) : (q == 2 ? sum[u][4 + b] : sum[u][6 + b]);
        }
      }
    }
  } else {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const float a[4] = {w[t][0], w[t][2], w[t][1], w[t][3]};
#pragma unroll
      for (int j = 0; j < kRowTiles; ++j) {
        const Element* at = x + (8 * j + r) * kStride + first + 8 * t + 2 * q;
        product(z[j], a, toFloat(at[0]), toFloat(at[1]));
      }
      inOrder();
    }
  }
}

// The gradient of a tile of this lane's weights, but for the inputs' scale.
DEVICE void tileGradient(const Element* x, const float* dz, int feature0, float (&g)[4]) {
  const int lane = laneOf(), r = lane / 4, q = lane % 4;
  if constexpr (MODE == 0) {
#pragma unroll 4
    for (int b = 0; b < kRows; ++b) {
      const Element* at = x + b * kStride + feature0 + 2 * q;
      const float x0 = toFloat(at[0]), x1 = toFloat(at[1]), d0 = dz[r * kUnitStride + b], d1 = dz[(r + 8) * kUnitStride + b];
      g[0] = fmaf(d0, x0, g[0]), g[1] = fmaf(d0, x1, g[1]);
      g[2] = fmaf(d1, x0, g[2]), g[3] = fmaf(d1, x1, g[3]);
    }
  } else {
#pragma unroll
    for (int s = 0; s < kRowTiles; ++s) {
      const float* d = dz + r * kUnitStride + 8 * s + q;
      const float a[4] = {d[0], d[8 * kUnitStride], d[4], d[8 * kUnitStride + 4]};
      const Element* at = x + (8 * s + q) * kStride + feature0 + r;
      product(g, a, toFloat(at[0]), toFloat(at[4 * kStride]));
    }
  }
}

// Eight lanes a row: softmax, loss, whether the greatest stands at the target, gradient.
DEVICE void rowLoss(const float* shares, const float* b2, const float* target, float scale, bool there, int row, float* dl, float& loss,
                    float& hit) {
  const int g = laneOf() % 8;
  float z[2], y[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int c = g + 8 * i;
    z[i] = c < CLASSES ? b2[c] : -infinity();
    y[i] = c < CLASSES ? target[row * 16 + c] : 0.0f;
#pragma unroll
    for (int k = 0; k < kBlocks; ++k) {
      if (c < CLASSES) z[i] += shares[k * kShare + c * kRows + row];
    }
  }
  float most = greater(z[0], z[1]), wanted = g < CLASSES ? y[0] : -infinity();
  int best = z[1] > z[0] ? g + 8 : g, klass = g;
  if (g + 8 < CLASSES && y[1] > wanted) wanted = y[1], klass = g + 8;
  float top = z[1] > z[0] ? z[1] : z[0];
#pragma unroll
  for (int apart = 4; apart > 0; apart /= 2) {
    most = greater(most, __shfl_xor_sync(kEveryLane, most, apart));
    const float otherTop = __shfl_xor_sync(kEveryLane, top, apart), otherWanted = __shfl_xor_sync(kEveryLane, wanted, apart);
    const int otherBest = __shfl_xor_sync(kEveryLane, best, apart), otherClass = __shfl_xor_sync(kEveryLane, klass, apart);
    if (otherTop > top || (otherTop == top && otherBest < best)) top = otherTop, best = otherBest;
    if (otherWanted > wanted || (otherWanted == wanted && otherClass < klass)) wanted = otherWanted, klass = otherClass;
  }
  const float e0 = expf(z[0] - most), e1 = expf(z[1] - most);
  float total = e0 + e1;
#pragma unroll
  for (int apart = 4; apart > 0; apart /= 2) total += __shfl_xor_sync(kEveryLane, total, apart);
  const float logTotal = logf(total);
  loss = 0;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (y[i] != 0.0f) loss += y[i] * (logTotal + (most - z[i]));
    dl[row * 16 + g + 8 * i] = there ? ((i ? e1 : e0) / total - y[i]) * scale : 0.0f;
  }
#pragma unroll
  for (int apart = 4; apart > 0; apart /= 2) loss += __shfl_xor_sync(kEveryLane, loss, apart);
  hit = best == klass ? 1.0f : 0.0f;
}

}  // namespace

KERNEL(cluster, ClusterParams, kThreads) {
  SHARED_MEMORY(float, shared);
  const Control& control = *p.control;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32, r = lane / 4, q = lane % 4;
  const int rank = static_cast<int>(clusterRank()), unit0 = rank * kOwn;
  const int begin = control.base, end = least(control.end, begin + p.steps);
  Element* const x = reinterpret_cast<Element*>(shared);
  float* const sums = shared + kShape.sums();
  float* const h = shared + kShape.h();
  float* const dz = shared + kShape.dz();
  float* const dl = shared + kShape.dl();
  float* const w2 = shared + kShape.w2();
  float* const b1 = shared + kShape.b1();
  float* const b2 = shared + kShape.b2();
  float* const results = shared + kShape.results();
  int* const rowsOf = reinterpret_cast<int*>(shared + kShape.rowsOf());
  int* const stop = reinterpret_cast<int*>(shared + kShape.stop());

  const auto rowsIn = [&](int step) { return static_cast<int>(least<long long>(control.rows - static_cast<long long>(step) * control.batch, control.batch)); };
  // Which rows a step takes, two steps ahead; their targets, one ahead. What is not there stays as it was.
  const auto placeRows = [&](int step) {
    if (step < end && thread < rowsIn(step)) {
      rowsOf[step % 4 * kRows + thread] = static_cast<int>(control.order[static_cast<long long>(step) * control.batch + thread]);
    }
  };
  const auto placeTargets = [&](int step) {
    if (step >= end) return;
    const int count = rowsIn(step);
    for (int i = thread; i < count * CLASSES; i += kThreads) {
      const int row = i / CLASSES, c = i % CLASSES, at = rowsOf[step % 4 * kRows + row];
      shared[kShape.targets() + step % 2 * kShare + row * 16 + c] =
          control.labels ? (control.labels[at] == c ? 1.0f : 0.0f) : control.values[static_cast<long long>(at) * CLASSES + c];
    }
    if (thread < count) {
      shared[kShape.rowWeights() + step % 2 * kRows + thread] = control.weights ? control.weights[rowsOf[step % 4 * kRows + thread]] : 1.0f;
    }
  };
  const auto fetch = [&](int step) {
    if (step < end) fetchRows(control.x, rowsOf + step % 4 * kRows, rowsIn(step), x + step % 2 * kShape.buffer());
  };

  // Rows that never come count nothing, but must be numbers.
  for (int i = thread; i < kShape.all(); i += kThreads) shared[i] = 0;
  float w[kTiles][4] = {}, s0[kTiles][4] = {}, s1[kTiles][4] = {};
  const auto eachWeight = [&](auto f) {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int feature = (warp * kTiles + t) * 8 + 2 * q + i % 2, unit = unit0 + r + 8 * (i / 2);
        if (kWhole || (feature < FEATURES && unit < UNITS)) f(t, i, static_cast<long long>(feature) * p.ld1 + unit);
      }
    }
  };
  eachWeight([&](int t, int i, long long at) {
    w[t][i] = p.w1[at];
    if (Rule::hasSlot0(kOptimizer)) s0[t][i] = p.w1Slot0[at];
    if (Rule::hasSlot1(kOptimizer)) s1[t][i] = p.w1Slot1[at];
  });
  __syncthreads();
  // The second layer and the biases: value and slots behind each other. f(place, which, pointer to value and slots in memory)
  const auto eachSmall = [&](auto f) {
    const auto three = [&](float* place, int apart, float* v, float* a, float* b, long long at) {
      f(place, v + at);
      if (Rule::hasSlot0(kOptimizer)) f(place + apart, a + at);
      if (Rule::hasSlot1(kOptimizer)) f(place + 2 * apart, b + at);
    };
    for (int i = thread; i < kOwn * CLASSES; i += kThreads) {
      const int unit = i / CLASSES, c = i % CLASSES;
      if (unit0 + unit < UNITS) three(w2 + unit * 16 + c, kOwn * 16, p.w2, p.w2Slot0, p.w2Slot1, static_cast<long long>(unit0 + unit) * p.ld2 + c);
    }
    if (BIAS1 && thread < kOwn && unit0 + thread < UNITS) {
      three(b1 + thread, 16, p.w1, p.w1Slot0, p.w1Slot1, static_cast<long long>(FEATURES) * p.ld1 + unit0 + thread);
    }
    if (BIAS2 && thread < CLASSES) three(b2 + thread, 16, p.w2, p.w2Slot0, p.w2Slot1, static_cast<long long>(UNITS) * p.ld2 + thread);
  };
  eachSmall([](float* place, float* memory) { *place = *memory; });
  placeRows(begin);
  placeRows(begin + 1);
  __syncthreads();
  fetch(begin);
  placeTargets(begin);
  clusterArrive();  // nobody writes into a block that has not started
  clusterWait();

  int step = begin;
  for (; step < end; ++step) {
    waitForCopies();
    __syncthreads();
    if (*stop) break;
    const Element* now = x + step % 2 * kShape.buffer();
    const int rows = rowsIn(step);
    fetch(step + 1);
    placeRows(step + 2);
    placeTargets(step + 1);
    Step of;
    of.control = p.control, of.index = step;
    const Rule rule(p.optimizer, of);

    float z[kRowTiles][4] = {};
    forwardShare(now, w, z);
#pragma unroll
    for (int j = 0; j < kRowTiles; ++j) {
      float* to = sums + (warp * kOwn + r) * kRows + 8 * j + 2 * q;
      to[0] = z[j][0], to[1] = z[j][1];
      to[8 * kRows] = z[j][2], to[8 * kRows + 1] = z[j][3];
    }
    __syncthreads();
    for (int i = 4 * thread; i < kOwn * kRows; i += 4 * kThreads) {
      float total[4] = {};
#pragma unroll 2
      for (int k = 0; k < kWarps; ++k) {
        const float4 v = *reinterpret_cast<const float4*>(sums + k * kOwn * kRows + i);
        total[0] += v.x, total[1] += v.y, total[2] += v.z, total[3] += v.w;
      }
      const int unit = i / kRows, b = i % kRows;
#pragma unroll
      for (int c = 0; c < 4; ++c) h[unit * kUnitStride + b + c] = activated(p.activation, fmaf(total[c], p.scale, b1[unit]));
    }
    __syncthreads();
    float* const share = shared + kShape.share() + step % 2 * kBlocks * kShare;
    for (int i = thread; i < CLASSES * kRows; i += kThreads) {
      const int c = i / kRows, b = i % kRows;
      float logit = 0;
#pragma unroll 4
      for (int n = 0; n < kOwn; ++n) logit = fmaf(h[n * kUnitStride + b], w2[n * 16 + c], logit);
#pragma unroll
      for (int k = 0; k < kBlocks; ++k) storeRemote(share + rank * kShare + i, k, logit);
    }
    clusterArrive();
    clusterWait();
    for (int row = thread / 8; row < kRows; row += kThreads / 8) {
      float loss, hit;
      const float weight = shared[kShape.rowWeights() + step % 2 * kRows + row];
      rowLoss(share, b2, shared + kShape.targets() + step % 2 * kShare, weight / static_cast<float>(rows), row < rows, row, dl, loss, hit);
      if (lane % 8 == 0) results[row] = loss * weight, results[kRows + row] = hit;
    }
    __syncthreads();
    for (int i = thread; i < kOwn * kRows; i += kThreads) {
      const int unit = i / kRows, b = i % kRows;
      float d = 0;
#pragma unroll 4
      for (int c = 0; c < CLASSES; ++c) d = fmaf(dl[b * 16 + c], w2[unit * 16 + c], d);
      const float y = h[unit * kUnitStride + b];
      dz[unit * kUnitStride + b] = d * slope(p.activation, y, 0);
    }
    float g2 = 0;
    const int unit2 = thread / CLASSES, class2 = thread % CLASSES;
    if (unit2 < kOwn) {
#pragma unroll 4
      for (int b = 0; b < kRows; ++b) g2 = fmaf(h[unit2 * kUnitStride + b], dl[b * 16 + class2], g2);
    }
    __syncthreads();
    if (unit2 < kOwn && unit0 + unit2 < UNITS) {
      float* at = w2 + unit2 * 16 + class2;
      rule.template apply<kOptimizer>(g2, at[0], at[kOwn * 16], at[2 * kOwn * 16]);
    }
    if (BIAS1 && thread < kOwn && unit0 + thread < UNITS) {
      float g = 0;
      for (int b = 0; b < kRows; ++b) g += dz[thread * kUnitStride + b];
      rule.template apply<kOptimizer>(g, b1[thread], b1[16 + thread], b1[32 + thread]);
    } else if (BIAS2 && thread >= 32 && thread < 32 + CLASSES) {
      float* at = b2 + thread - 32;
      float g = 0;
      for (int b = 0; b < kRows; ++b) g += dl[b * 16 + thread - 32];
      rule.template apply<kOptimizer>(g, at[0], at[16], at[32]);
    }
    if (warp == kWarps - 1) {
      // Every block comes to the same: all stop together.
      double loss = 0, hits = 0;
      for (int b = lane; b < rows; b += 32) loss += results[b], hits += results[kRows + b];
      loss = warpSum(loss), hits = warpSum(hits);
      if (lane == 0) {
        const float mean = static_cast<float>(loss / rows);
        if (!isfinite(mean)) *stop = 1;
        if (rank == 0) {
          p.control->losses[step] = mean;
          if (p.metrics) p.control->metrics[step] = static_cast<float>(hits / rows);
        }
      }
    }
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      float g[4] = {};
      inOrder();
      tileGradient(now, dz, (warp * kTiles + t) * 8, g);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const bool there = kWhole || ((warp * kTiles + t) * 8 + 2 * q + i % 2 < FEATURES && unit0 + r + 8 * (i / 2) < UNITS);
        if (there) rule.template apply<kOptimizer>(g[i] * p.scale, w[t][i], s0[t][i], s1[t][i]);
      }
    }
  }
  __syncthreads();
  eachWeight([&](int t, int i, long long at) {
    p.w1[at] = w[t][i];
    if (Rule::hasSlot0(kOptimizer)) p.w1Slot0[at] = s0[t][i];
    if (Rule::hasSlot1(kOptimizer)) p.w1Slot1[at] = s1[t][i];
  });
  // b2 is the same in every block.
  eachSmall([&](float* place, float* memory) {
    if (rank == 0 || place < b2 || place >= b2 + 48) *memory = *place;
  });
  clusterArrive();  // everybody has read control
  clusterWait();
  if (rank == 0 && thread == 0) {
    p.control->base = step;
    if (*stop) p.control->end = step;
  }
}
