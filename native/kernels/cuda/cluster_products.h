// The first layer's products in a cluster's block, forward and back, by the tensor cores.
#pragma once
#include "cluster.h"
#include "cluster_net.h"
#include "loss.h"

namespace fusor::cuda {

// Where this lane's address for loadMatrices is: of 16 rows and 16 features.
DEVICE const Bf16* blockOf(const Bf16* x, int row0, int tile) {
  const int lane = laneOf();
  return x + (row0 + lane % 16) * kStride + tile * kPiece + lane / 16 * 8;
}

// This warp's share of the units' sums: z[m][g] is a tile [16 rows, 8 units], as a product leaves it.
DEVICE void forwardShare(const Bf16* x, const float (&w)[kEach][kGroups][4], float (&z)[kRowTiles][kGroups][4]) {
  const int tile0 = static_cast<int>(threadIdx.x) / 32 * kEach;
#pragma unroll
  for (int t = 0; t < kEach; ++t) {
    if (kSpare && tile0 + t >= kTiles) break;
    unsigned low[kGroups][PARTS], high[kGroups][PARTS];
#pragma unroll
    for (int g = 0; g < kGroups; ++g) cut(w[t][g][0], w[t][g][1], low[g]), cut(w[t][g][2], w[t][g][3], high[g]);
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
      for (int k = 0; k < kInputParts; ++k) {
        unsigned a[4];
        loadMatrices<false>(blockOf(x + k * kRows * kStride, 16 * m, tile0 + t), a);
#pragma unroll
        for (int i = PARTS - 1 - k; i >= 0; --i) {
#pragma unroll
          for (int g = 0; g < kGroups; ++g) multiply(z[m][g], a, low[g][i], high[g][i]);
        }
      }
    }
  }
}

// dz of all rows as left operands: its two greatest parts above each other, the third above nothing.
struct Gradients {
  unsigned both[kGroups][kRowTiles][4], third[kGroups][kRowTiles][4];

  DEVICE explicit Gradients(const Bf16* parts) {
    const int lane = laneOf(), r = lane / 4, q = lane % 4;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
        const auto pair = [&](int part, int row) {
          return *reinterpret_cast<const unsigned*>(parts + (part * kOwn + 8 * g + r) * kPartStride + 16 * m + row + 2 * q);
        };
        both[g][m][0] = pair(0, 0), both[g][m][1] = pair(1, 0), both[g][m][2] = pair(0, 8), both[g][m][3] = pair(1, 8);
        third[g][m][1] = third[g][m][3] = 0;
        if (PARTS == 3) third[g][m][0] = pair(PARTS - 1, 0), third[g][m][2] = pair(PARTS - 1, 8);
      }
    }
  }

  // The gradient of a tile of this lane's weights, but for the inputs' scale.
  DEVICE void times(const Bf16* x, int tile, float (&gradient)[kGroups][4]) const {
    float c[kGroups][2][4] = {};
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
      for (int k = kInputParts - 1; k >= 0; --k) {
        unsigned b[4];
        loadMatrices<true>(blockOf(x + k * kRows * kStride, 16 * m, tile), b);
#pragma unroll
        for (int g = 0; g < kGroups; ++g) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            if (PARTS == 3 && k == 0) multiply(c[g][half], third[g][m], b[2 * half], b[2 * half + 1]);
            multiply(c[g][half], both[g][m], b[2 * half], b[2 * half + 1]);
          }
        }
      }
    }
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
#pragma unroll
      for (int i = 0; i < 4; ++i) gradient[g][i] = c[g][i / 2][i % 2] + c[g][i / 2][2 + i % 2];
    }
  }
};

}  // namespace fusor::cuda
