// A step's rows on their way into a cluster's block: copied beside the computation, then cut to bfloat16.
#pragma once
#include "cluster.h"
#include "cluster_net.h"

namespace fusor::cuda {

// A step's rows, a piece of 16 features at a time: every thread copies its own and cuts them later, so nobody waits.
DEVICE void copyPieces(const void* data, const int* rows, int count, Element* raw) {
  constexpr int bytes = FEATURES * static_cast<int>(sizeof(Element)), unit = bytes % 16 == 0 ? 16 : 4;
  constexpr int each = unit / static_cast<int>(sizeof(Element));
#pragma unroll 1
  for (int j = 0; j < kPiecesEach; ++j) {
    const int piece = static_cast<int>(threadIdx.x) + j * kThreads, row = piece / kTiles, first = piece % kTiles * kPiece;
    if (row >= count) continue;
    const Element* from = static_cast<const Element*>(data) + static_cast<long long>(rows[row]) * FEATURES + first;
    Element* to = raw + piece * kPiece;
    if constexpr (bytes % 4 == 0) {
#pragma unroll
      for (int i = 0; i < kPiece; i += each) {
        if (FEATURES % kPiece == 0 || first + i < FEATURES) copyAsync<unit>(to + i, from + i);
      }
    } else {
      for (int i = 0; i < kPiece && first + i < FEATURES; ++i) to[i] = from[i];
    }
  }
  commitCopies();
}

DEVICE void cutPieces(const Element* raw, Bf16* x) {
  waitForCopies();
#pragma unroll 1
  for (int j = 0; j < kPiecesEach; ++j) {
    const int piece = static_cast<int>(threadIdx.x) + j * kThreads;
    if (kPieces % kThreads != 0 && piece >= kPieces) continue;
    Bf16* to = x + piece / kTiles * kStride + piece % kTiles * kPiece;
    unsigned pairs[kInputParts][8];
    if constexpr (kIsBytes) {
      const uint4 words = *reinterpret_cast<const uint4*>(raw + piece * kPiece);
      const unsigned w[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
      for (int i = 0; i < 8; ++i) pairs[0][i] = twoBytes(w[i / 2], i % 2 * 2);
    } else {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const float* at = reinterpret_cast<const float*>(raw) + piece * kPiece + 2 * i;
        unsigned parts[kInputParts];
        cut(at[0], at[1], parts);
#pragma unroll
        for (int k = 0; k < kInputParts; ++k) pairs[k][i] = parts[k];
      }
    }
#pragma unroll
    for (int k = 0; k < kInputParts; ++k) {
      uint4* const place = reinterpret_cast<uint4*>(to + k * kRows * kStride);
      place[0] = uint4{pairs[k][0], pairs[k][1], pairs[k][2], pairs[k][3]};
      place[1] = uint4{pairs[k][4], pairs[k][5], pairs[k][6], pairs[k][7]};
    }
  }
}

}  // namespace fusor::cuda
