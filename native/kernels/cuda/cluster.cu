// A net of two Dense layers with softmax and cross-entropy, trained for many steps in one launch: a cluster of blocks whose
// registers hold the first layer. A block owns 8 hidden units, or 16, a warp some tiles of 16 features. The tensor cores take
// bfloat16: a byte is one, a float32 the sum of three (cluster.h, `cut`), so that products are exact. Lane (r, q) keeps
// unit r of features 2q, 2q + 1, 2q + 8, 2q + 9 of each tile: that is how the gradient's product leaves it, and how the way
// forward takes it, so weights never move. Once a step the blocks exchange twice, by stores that the receiver's barrier
// counts: their shares of the logits go to the block that a row belongs to, its gradients come back to all. Sums have one
// order. Rows come as pieces.cu has cut them, the next step's while this one is computed.
// Defines: INPUT (kBytes, kFloats), FEATURES, UNITS, CLASSES, BATCH, BLOCKS, BIAS1, BIAS2 (0, 1), ACTIVATION, OPTIMIZER,
// PARTS (of a float32: 3, or 2 for tf32).
#include "activation.h"
#include "cluster.h"
#include "cluster_products.h"
#include "loss.h"
#include "optimizer.h"
#include "stamp.h"

using namespace fusor::cuda;

namespace {

// Two rows of the loss fit a warp; the last warps take them, which have the fewest tiles.
constexpr int kPairs = (kRowsEach + 1) / 2, kPairsEach = (kPairs + kWarps - 1) / kWarps;
// Warps that have rows copied, which takes 75 cycles a copy: those without a part in the loss, where that leaves enough.
constexpr int kCopiers = 2 * (kWarps - kPairs) >= kWarps ? kWarps - kPairs : kWarps;
static_assert(kRows <= 32 * kCopiers, "a lane has one row copied");
// Parameters of the second layer and biases, and as many more as let whole warps go on together.
constexpr int kSmall = (kOwn * CLASSES + kOwn + CLASSES + kThreads / 4 - 1) / (kThreads / 4) * (kThreads / 4);
constexpr int kLossLane = 14;  // the next one has the hit

DEVICE float infinity() { return __uint_as_float(0x7f800000u); }

// Among 16 lanes.
template <class F>
DEVICE void amongRow(F f) {
#pragma unroll
  for (int apart = 8; apart > 0; apart /= 2) f(apart);
}

// Whether the greatest prediction stands where the greatest target does; the first among equals.
DEVICE float hit(float z, float y, int c) {
  float top = z, wanted = c < CLASSES ? y : -infinity();
  int best = c, klass = c;
  amongRow([&](int apart) {
    const float otherTop = __shfl_xor_sync(kEveryLane, top, apart), otherWanted = __shfl_xor_sync(kEveryLane, wanted, apart);
    const int otherBest = __shfl_xor_sync(kEveryLane, best, apart), otherClass = __shfl_xor_sync(kEveryLane, klass, apart);
    if (otherTop > top || (otherTop == top && otherBest < best)) top = otherTop, best = otherBest;
    if (otherWanted > wanted || (otherWanted == wanted && otherClass < klass)) wanted = otherWanted, klass = otherClass;
  });
  return best == klass ? 1.0f : 0.0f;
}

}  // namespace

KERNEL(cluster, ClusterParams, kThreads) {
  SHARED_MEMORY(unsigned char, shared);
  const Control& control = p.span;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32, r = lane / 4, q = lane % 4;
  const int rank = static_cast<int>(clusterRank()), unit0 = rank * kOwn;
  const int begin = p.control->base, end = least(p.control->end, begin + p.steps);
  const auto floats = [&](int at) { return reinterpret_cast<float*>(shared + at); };
  const auto xOf = [&](int step) { return reinterpret_cast<Bf16*>(shared) + step % 2 * kInputParts * kRows * kStride; };
  float* const sums = floats(kShape.sums());
  float* const h = floats(kShape.h());
  float* const dz = floats(kShape.dz());
  Bf16* const dzParts = reinterpret_cast<Bf16*>(shared + kShape.dzParts());
  float* const w2 = floats(kShape.w2());
  float* const b1 = floats(kShape.b1());
  float* const b2 = floats(kShape.b2());
  float* const results = floats(kShape.results());
  unsigned long long* const barriers = reinterpret_cast<unsigned long long*>(shared + kShape.barriers());
  unsigned long long *const sharesAreThere = barriers, *const gradientsAreThere = barriers + 1, *const resultsAreThere = barriers + 2,
                     *const rowsAreThere = barriers + 3;
  constexpr unsigned kShareBytes = 4 * kRows * CLASSES, kGradientBytes = kShareBytes, kResultBytes = 4 * 2 * kRows;
  int* const stop = reinterpret_cast<int*>(shared + kShape.stop());

  const auto rowsIn = [&](int step) { return static_cast<int>(least<long long>(control.rows - static_cast<long long>(step) * control.batch, control.batch)); };
  // A row's place in the data, known two steps ahead; the row is copied one step ahead.
  const auto rowAt = [&](int step, int row) {
    return step < end && row < rowsIn(step) ? static_cast<int>(control.order[static_cast<long long>(step) * control.batch + row]) : -1;
  };
  const int ownRow = warp < kCopiers ? warp + lane * kCopiers : kRows;
  int copied = -1;
  const auto copy = [&](int step) {
    constexpr unsigned bytes = kRowElements * sizeof(Bf16);
    if (thread == 0 && step < end) expectBytes(rowsAreThere, rowsIn(step) * kInputParts * bytes);
    if (copied < 0) return;
    const Bf16* from = static_cast<const Bf16*>(control.x) + static_cast<long long>(copied) * kInputParts * kRowElements;
#pragma unroll
    for (int k = 0; k < kInputParts; ++k) {
      copyRow(xOf(step) + (k * kRows + ownRow) * kStride, from + k * kRowElements, bytes, rowsAreThere);
    }
  };
  // The rows whose loss this warp computes. What is asked of memory one step ahead is not looked at before it is used.
  int lossRows[kPairsEach];
  unsigned targets[kPairsEach];  // labels, or the bits of values
  float rowWeights[kPairsEach];
  const auto rowOf = [&](int j) { return 2 * (kWarps - 1 - warp + j * kWarps) + lane / 16; };
  const auto placeLossRows = [&](int step) {
#pragma unroll
    for (int j = 0; j < kPairsEach; ++j) lossRows[j] = rowOf(j) < kRowsEach ? rowAt(step, rank * kRowsEach + rowOf(j)) : -1;
  };
  const auto placeTargets = [&] {
#pragma unroll
    for (int j = 0; j < kPairsEach; ++j) {
      const int at = lossRows[j], c = lane % 16;
      if (at < 0) continue;
      if (control.labels) targets[j] = static_cast<unsigned>(control.labels[at]);
      if (!control.labels && c < CLASSES) targets[j] = __float_as_uint(control.values[static_cast<long long>(at) * CLASSES + c]);
      if (control.weights) rowWeights[j] = control.weights[at];
    }
  };
  const auto targetOf = [&](int j) {
    const int c = lane % 16;
    if (c >= CLASSES) return 0.0f;
    return control.labels ? (targets[j] == static_cast<unsigned>(c) ? 1.0f : 0.0f) : __uint_as_float(targets[j]);
  };

  // Rows that never come count nothing, but must be numbers.
  for (int i = thread; i < kShape.sharedBytes() / 4; i += kThreads) floats(0)[i] = 0;
  float w[kEach][kGroups][4] = {}, s0[kEach][kGroups][4] = {}, s1[kEach][kGroups][4] = {};
  const auto eachWeight = [&](auto f) {
#pragma unroll
    for (int t = 0; t < kEach; ++t) {
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int feature = (warp * kEach + t) * kPiece + i / 2 * 8 + 2 * q + i % 2, unit = unit0 + 8 * g + r;
          if (feature < FEATURES && unit < UNITS) f(t, g, i, static_cast<long long>(feature) * p.ld1 + unit);
        }
      }
    }
  };
  eachWeight([&](int t, int g, int i, long long at) {
    w[t][g][i] = p.w1[at];
    if (Rule::hasSlot0(kOptimizer)) s0[t][g][i] = p.w1Slot0[at];
    if (Rule::hasSlot1(kOptimizer)) s1[t][g][i] = p.w1Slot1[at];
  });
  __syncthreads();
  // The second layer and the biases: value and slots behind each other. f(place, pointer to value or slot in memory)
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
      three(b1 + thread, kOwn, p.w1, p.w1Slot0, p.w1Slot1, static_cast<long long>(FEATURES) * p.ld1 + unit0 + thread);
    }
    if (BIAS2 && thread < CLASSES) three(b2 + thread, 16, p.w2, p.w2Slot0, p.w2Slot1, static_cast<long long>(UNITS) * p.ld2 + thread);
  };
  eachSmall([](float* place, float* memory) { *place = *memory; });
  if (thread < 4) initBarrier(barriers + thread);
  barriersAreThere();
  storesBeforeCopies();
  __syncthreads();
  if (thread == 0) {
    expectBytes(sharesAreThere, kShareBytes);
    expectBytes(gradientsAreThere, kGradientBytes);
    expectBytes(resultsAreThere, kResultBytes);
  }
  copied = rowAt(begin, ownRow);
  copy(begin);
  copied = rowAt(begin + 1, ownRow);
#pragma unroll
  for (int j = 0; j < kPairsEach; ++j) targets[j] = 0, rowWeights[j] = 1;
  placeLossRows(begin);
  placeTargets();
  placeLossRows(begin + 1);
  float nextRate = 0, nextShrink = 0;
  const auto placeRates = [&](int step) {
    if (step < end) nextRate = control.rates[2 * step], nextShrink = control.rates[2 * step + 1];
  };
  placeRates(begin);
  clusterArrive();  // nobody sends to a block that has not started
  clusterWait();
  __syncthreads();

  // By the last warp: it has a part in every phase.
  const BorderStamps stamps(control, p.steps, begin, rank == 0 && thread == kThreads - 32 && begin < end);
  int step = begin;
  for (; step < end; ++step) {
    stamps.at(step, ClusterBorder::Rows);
    const Bf16* const x = xOf(step);
    const int rows = rowsIn(step);
    const unsigned parity = (step - begin) % 2;
    const Rule rule(p.optimizer, nextRate, nextShrink);
    placeRates(step + 1);

    waitForBytes(rowsAreThere, parity);
    stamps.at(step, ClusterBorder::Forward0);
    float z[kRowTiles][kGroups][4] = {};
    forwardShare(x, w, z);
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        float* to = sums + (warp * kOwn + 8 * g + 2 * q) * kUnitStride + 16 * m + r;
        to[0] = z[m][g][0], to[kUnitStride] = z[m][g][1];
        to[8] = z[m][g][2], to[kUnitStride + 8] = z[m][g][3];
      }
    }
    __syncthreads();
    if (*stop) break;
    for (int i = thread; i < kOwn * kRows; i += kThreads) {
      const int unit = i / kRows, at = unit * kUnitStride + i % kRows;
      float total = 0;
#pragma unroll
      for (int k = 0; k < kWarps; ++k) total += sums[k * kOwn * kUnitStride + at];
      h[at] = activated(kActivation, fmaf(total, p.scale, b1[unit]));
    }
    __syncthreads();
    stamps.at(step, ClusterBorder::Forward1);
    float* const shares = floats(kShape.shares()) + step % 2 * kRows * 16;
    for (int i = thread; i < CLASSES * kRows; i += kThreads) {
      const int c = i / kRows, b = i % kRows;
      float logit = 0;
#pragma unroll
      for (int n = 0; n < kOwn; ++n) logit = fmaf(h[n * kUnitStride + b], w2[n * 16 + c], logit);
      sendTo(b / kRowsEach, shares + (rank * kRowsEach + b % kRowsEach) * 16 + c, logit, sharesAreThere);
    }

    stamps.at(step, ClusterBorder::Shares);
    copy(step + 1);  // to where the step before was: all are through with that
    copied = rowAt(step + 2, ownRow);

    float* const gradients = floats(kShape.gradients()) + step % 2 * kRows * kClusterRow;
    float logits[kPairsEach], greatest[kPairsEach], totals[kPairsEach];
#pragma unroll
    for (int j = 0; j < kPairsEach; ++j) {
      const int own = rowOf(j), row = rank * kRowsEach + own, c = lane % 16;
      if (own - lane / 16 >= kRowsEach) continue;  // this warp has no such pair
      waitForBytes(sharesAreThere, parity);
      if (j == 0) stamps.at(step, ClusterBorder::Loss);
      const bool here = own < kRowsEach;
      float logit = BIAS2 && c < CLASSES ? b2[c] : 0.0f;
#pragma unroll
      for (int k = 0; k < kBlocks; ++k) logit += here ? shares[(k * kRowsEach + own) * 16 + c] : 0.0f;
      if (c >= CLASSES) logit = -infinity();
      float most = logit;
      amongRow([&](int apart) { most = greater(most, __shfl_xor_sync(kEveryLane, most, apart)); });
      const float e = expf(logit - most);
      float total = e;
      amongRow([&](int apart) { total += __shfl_xor_sync(kEveryLane, total, apart); });
      const float gradient = row < rows ? (quotient(e, total) - targetOf(j)) * (rowWeights[j] / static_cast<float>(rows)) : 0.0f;
      if (here && c < CLASSES) {
#pragma unroll 4
        for (int k = 0; k < kBlocks; ++k) sendTo(k, gradients + row * kClusterRow + c, gradient, gradientsAreThere);
      }
      logits[j] = logit, greatest[j] = most, totals[j] = total;
    }
    stamps.at(step, ClusterBorder::Gradients);
    if (warp == kWarps - 1 && lane == 0) expectBytes(sharesAreThere, kShareBytes);
    waitForBytes(gradientsAreThere, parity);
    stamps.at(step, ClusterBorder::Update1);
    for (int i = thread; i < kOwn * kRows; i += kThreads) {
      const int unit = i / kRows, b = i % kRows;
      float d = 0;
#pragma unroll
      for (int c = 0; c < CLASSES; ++c) d = fmaf(gradients[b * kClusterRow + c], w2[unit * 16 + c], d);
      d *= slope(kActivation, h[unit * kUnitStride + b], 0);
      dz[unit * kUnitStride + b] = d;
      unsigned parts[PARTS];
      cut(d, 0.0f, parts);
#pragma unroll
      for (int k = 0; k < PARTS; ++k) dzParts[(k * kOwn + unit) * kPartStride + b] = static_cast<Bf16>(parts[k]);
    }
    __syncthreads();
    if (thread == 0) expectBytes(gradientsAreThere, kGradientBytes);

    // The second layer and the biases: four lanes a parameter, each with its part of the rows.
#pragma unroll 1
    for (int i = thread / 4; i < kSmall; i += kThreads / 4) {
      const bool weight = i < kOwn * CLASSES, bias1 = !weight && i < kOwn * CLASSES + kOwn;
      const int unit = weight ? i / CLASSES : bias1 ? i - kOwn * CLASSES : 0;
      const int c = weight ? i % CLASSES : bias1 ? 0 : least(i - kOwn * CLASSES - kOwn, CLASSES);
      const bool there = weight || bias1 ? (weight || BIAS1) && unit0 + unit < UNITS : BIAS2 && c < CLASSES;
      const float* const left = h + unit * kUnitStride;
      const float* const right = bias1 ? dz + unit * kUnitStride : gradients + c;
      const int apart = bias1 ? 1 : kClusterRow, first = thread % 4 * (kRows / 4);
      float g = 0;
#pragma unroll 4
      for (int b = first; b < first + kRows / 4; ++b) g = fmaf(weight ? left[b] : 1.0f, right[b * apart], g);
      g += __shfl_xor_sync(kEveryLane, g, 1);
      g += __shfl_xor_sync(kEveryLane, g, 2);
      if (!there || thread % 4 != 0) continue;
      float* const at = weight ? w2 + unit * 16 + c : bias1 ? b1 + unit : b2 + c;
      const int slots = weight ? kOwn * 16 : bias1 ? kOwn : 16;
      rule.template apply<kOptimizer>(g, at[0], at[slots], at[2 * slots]);
    }

    stamps.at(step, ClusterBorder::Update0);
    const Gradients of(dzParts);
#pragma unroll
    for (int t = 0; t < kEach; ++t) {
      const int tile = warp * kEach + t;
      if (kSpare && tile >= kTiles) break;
      float g[kGroups][4];
      of.times(x, tile, g);
#pragma unroll
      for (int n = 0; n < kGroups; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const bool there = (FEATURES % kPiece == 0 || tile * kPiece + i / 2 * 8 + 2 * q + i % 2 < FEATURES) &&
                             (UNITS == kBlocks * kOwn || unit0 + 8 * n + r < UNITS);
          if (there) rule.template apply<kOptimizer>(g[n][i] * p.scale, w[t][n][i], s0[t][n][i], s1[t][n][i]);
        }
      }
    }
    stamps.at(step, ClusterBorder::Record);
    // What nobody waits for: a row's loss, and whether it was hit.
#pragma unroll
    for (int j = 0; j < kPairsEach; ++j) {
      const int own = rowOf(j), row = rank * kRowsEach + own, c = lane % 16;
      if (own - lane / 16 >= kRowsEach) continue;
      const float y = row < rows ? targetOf(j) : 0.0f;
      float loss = y != 0.0f ? y * (logf(totals[j]) + (greatest[j] - logits[j])) : 0.0f;
      amongRow([&](int apart) { loss += __shfl_xor_sync(kEveryLane, loss, apart); });
      const float right = hit(logits[j], y, c);
      if (own < kRowsEach && c >= kLossLane) {
#pragma unroll 4
        for (int k = 0; k < kBlocks; ++k) {
          sendTo(k, results + (c - kLossLane) * kRows + row, c == kLossLane ? loss * rowWeights[j] : right, resultsAreThere);
        }
      }
    }
    placeTargets();
    placeLossRows(step + 2);
    if (warp != kWarps - 1) continue;
    // Every block comes to the same: all stop together.
    waitForBytes(resultsAreThere, parity);
    int bad = 0;
#pragma unroll 1
    for (int b = lane; b < rows; b += 32) bad += isfinite(results[b]) ? 0 : 1;
    bad = warpSum(bad);
    if (rank == 0) {
      double loss = 0, hits = 0;
#pragma unroll 1
      for (int b = lane; b < rows; b += 32) loss += results[b], hits += results[kRows + b];
      loss = warpSum(loss), hits = warpSum(hits);
      if (lane == 0) control.losses[step] = static_cast<float>(loss / rows);
      if (lane == 0 && p.metrics) control.metrics[step] = static_cast<float>(hits / rows);
    }
    if (lane == 0) {
      expectBytes(resultsAreThere, kResultBytes);
      if (bad) *stop = 1;
    }
  }
  stamps.finish(control, p.steps, begin, step);
  __syncthreads();
  eachWeight([&](int t, int g, int i, long long at) {
    p.w1[at] = w[t][g][i];
    if (Rule::hasSlot0(kOptimizer)) p.w1Slot0[at] = s0[t][g][i];
    if (Rule::hasSlot1(kOptimizer)) p.w1Slot1[at] = s1[t][g][i];
  });
  // b2 is the same in every block.
  eachSmall([&](float* place, float* memory) {
    if (rank == 0 || place < b2 || place >= b2 + 48) *memory = *place;
  });
  clusterArrive();  // everybody has read control, and nobody is sent to any more
  clusterWait();
  if (rank == 0 && thread == 0) {
    p.control->base = step;
    if (*stop) p.control->end = step;
  }
}
