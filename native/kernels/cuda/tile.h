// A tile of a matrix product in one block: c[m, n] = sum_k a(m, k) b(k, n). Chunks of k go through shared memory, the
// next one on its way while one is computed. Where a tile has too few elements to occupy the block, groups of threads
// take every other k each, and their sums are added in a fixed order.
#pragma once
#include "input.h"

namespace fusor::cuda {

// Tile [M, N], chunk of k's, of which a thread computes [TM, 4].
template <int M_, int N_, int CHUNK_, int TM_, int THREADS_>
struct TileShape {
  static constexpr int M = M_, N = N_, CHUNK = CHUNK_, TM = TM_, THREADS = THREADS_, WARPS = THREADS / 32;
  static constexpr int HOLDERS = (M / TM) * (N / 4);  // threads that hold the tile once
  static constexpr int GROUPS = THREADS / HOLDERS;    // of threads that share the k's out
  static constexpr int WITHIN = HOLDERS < 32 ? 32 / HOLDERS : 1;  // groups within a warp
  static constexpr int ACROSS = GROUPS / WITHIN;
  static constexpr int SUMS = GROUPS > 1 ? ACROSS * M * N : 0;
};

// One side of the product. EXTENT: its rows m (or columns n) in the tile.
// ALONG_K: four neighbours in memory differ in k; they are turned over on their way to shared memory.
template <class S, class Shape, int EXTENT, bool ALONG_K>
struct Side {
  // A row of shared memory holds one k. Padding spreads the turned stores over the banks.
  static constexpr int LD = ALONG_K ? EXTENT + 4 : EXTENT;
  static constexpr int FLOATS = Shape::CHUNK * LD;
  static constexpr int QUADS = EXTENT * Shape::CHUNK / 4;
  static constexpr int EACH = (QUADS + Shape::THREADS - 1) / Shape::THREADS;

  const S& source;
  int begin;  // of the tile
  typename S::Raw raw[EACH];

  DEVICE Side(const S& source, int begin) : source(source), begin(begin) {}

  // Place of this thread's quad j: its first element within tile (i) and chunk (k).
  DEVICE bool place(int j, int& i, int& k) const {
    const int q = static_cast<int>(threadIdx.x) + j * Shape::THREADS;
    if constexpr (ALONG_K) {
      // A warp takes 8 rows x 4 quads: whole sectors of memory, and few bank conflicts.
      constexpr int ROWS = EXTENT < 8 ? EXTENT : 8;
      const int lane = q % 32, patch = q / 32;
      i = patch % (EXTENT / ROWS) * ROWS + lane % ROWS;
      k = patch / (EXTENT / ROWS) * (128 / ROWS) + lane / ROWS * 4;
    } else {
      i = q % (EXTENT / 4) * 4;
      k = q / (EXTENT / 4);
    }
    return QUADS % Shape::THREADS == 0 || q < QUADS;
  }

  DEVICE void fetch(int k0) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
      int i, k;
      place(j, i, k);  // beyond the chunk: loaded, and never put
      raw[j] = ALONG_K ? source.load(begin + i, k0 + k) : source.load(k0 + k, begin + i);
    }
  }

  DEVICE void put(int k0, float* shared) const {
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
      int i, k;
      if (!place(j, i, k)) continue;
      if constexpr (ALONG_K) {
        const float4 v = source.value(raw[j], begin + i, k0 + k);
        float* to = shared + k * LD + i;
        to[0] = v.x, to[LD] = v.y, to[2 * LD] = v.z, to[3 * LD] = v.w;
      } else {
        *reinterpret_cast<float4*>(shared + k * LD + i) = source.value(raw[j], k0 + k, begin + i);
      }
    }
  }
};

template <class Shape, class A, class B>
constexpr int tileFloats() {
  return A::FLOATS + B::FLOATS > Shape::SUMS ? A::FLOATS + B::FLOATS : Shape::SUMS;
}

// This thread's elements of the tile: rows m … m + TM, columns n … n + 4.
template <class Shape>
struct Corner {
  int m, n, group;
  DEVICE Corner() {
    const int t = static_cast<int>(threadIdx.x), holder = t % Shape::HOLDERS;
    m = holder / (Shape::N / 4) * Shape::TM;
    n = holder % (Shape::N / 4) * 4;
    group = t / Shape::HOLDERS;
  }
};

// The first chunk of both sides has been asked for.
template <class Shape, class A, class B>
DEVICE void multiply(A& a, B& b, int depth, float* shared, float (&sum)[Shape::TM][4]) {
  float* const sharedA = shared;
  float* const sharedB = shared + A::FLOATS;
  const Corner<Shape> at;
  for (int k0 = 0; k0 < depth; k0 += Shape::CHUNK) {
    if (k0 > 0) __syncthreads();
    a.put(k0, sharedA);
    b.put(k0, sharedB);
    __syncthreads();
    if (k0 + Shape::CHUNK < depth) {
      a.fetch(k0 + Shape::CHUNK);
      b.fetch(k0 + Shape::CHUNK);
    }
    const int count = least(Shape::CHUNK, depth - k0);
#pragma unroll 4
    for (int k = at.group; k < count; k += Shape::GROUPS) {
      const float4 y = *reinterpret_cast<const float4*>(sharedB + k * B::LD + at.n);
      float xs[Shape::TM];
#pragma unroll
      for (int i = 0; i < Shape::TM; i += 4) {
        if constexpr (Shape::TM % 4 == 0) {
          const float4 v = *reinterpret_cast<const float4*>(sharedA + k * A::LD + at.m + i);
          xs[i] = v.x, xs[i + 1] = v.y, xs[i + 2] = v.z, xs[i + 3] = v.w;
        }
      }
#pragma unroll
      for (int i = 0; i < Shape::TM; ++i) {
        const float x = Shape::TM % 4 == 0 ? xs[i] : sharedA[k * A::LD + at.m + i];
        sum[i][0] = fmaf(x, y.x, sum[i][0]);
        sum[i][1] = fmaf(x, y.y, sum[i][1]);
        sum[i][2] = fmaf(x, y.z, sum[i][2]);
        sum[i][3] = fmaf(x, y.w, sum[i][3]);
      }
    }
  }
}

// Sums `all` values over the threads of a warp that are APART, 2 APART, … from each other: each keeps half of what it has
// and gives the other half away, so a value is sent once. Returns the first of the values that a thread ends with.
template <int APART, int COUNT>
DEVICE int shareOut(float* values, int lane) {
  if constexpr (APART >= 32 || COUNT == 1) {
    static_assert(APART >= 32, "more threads than values");
    return 0;
  } else {
    const bool upper = lane & APART;
#pragma unroll
    for (int i = 0; i < COUNT / 2; ++i) {
      const float kept = upper ? values[COUNT / 2 + i] : values[i], given = upper ? values[i] : values[COUNT / 2 + i];
      values[i] = kept + __shfl_xor_sync(kEveryLane, given, APART);
    }
    return (upper ? COUNT / 2 : 0) + shareOut<2 * APART, COUNT / 2>(values, lane);
  }
}

// The column of the quads that `finish` gives this thread: one and the same for all of them.
template <class Shape>
DEVICE int columnOf() {
  return Shape::GROUPS == 1 ? Corner<Shape>().n : static_cast<int>(threadIdx.x) * 4 % Shape::N;
}

// Adds up what the groups have and calls f(m, n, float[4]) once for each quad of the tile, in some thread.
template <class Shape, class F>
DEVICE void finish(float (&sum)[Shape::TM][4], float* shared, F f) {
  const Corner<Shape> at;
  if constexpr (Shape::GROUPS == 1) {
#pragma unroll
    for (int i = 0; i < Shape::TM; ++i) f(at.m + i, at.n, sum[i]);
  } else {
    static_assert(4 * Shape::THREADS % Shape::N == 0, "a thread keeps to its column");
    constexpr int kept = Shape::TM * 4 / Shape::WITHIN;
    float* const mine = &sum[0][0];
    const int t = static_cast<int>(threadIdx.x), first = shareOut<Shape::HOLDERS, Shape::TM * 4>(mine, t % 32);
    __syncthreads();  // the last chunk has been read
    float* const to = shared + at.group / Shape::WITHIN * Shape::M * Shape::N;
    if constexpr (kept % 4 == 0) {
#pragma unroll
      for (int i = 0; i < kept; i += 4) {
        *reinterpret_cast<float4*>(to + (at.m + (first + i) / 4) * Shape::N + at.n) = float4{mine[i], mine[i + 1], mine[i + 2], mine[i + 3]};
      }
    } else {
#pragma unroll
      for (int i = 0; i < kept; ++i) to[(at.m + (first + i) / 4) * Shape::N + at.n + (first + i) % 4] = mine[i];
    }
    __syncthreads();
    for (int q = t; q < Shape::M * Shape::N / 4; q += Shape::THREADS) {
      float total[4] = {};
#pragma unroll
      for (int g = 0; g < Shape::ACROSS; ++g) {
        const float4 v = *reinterpret_cast<const float4*>(shared + g * Shape::M * Shape::N + 4 * q);
        total[0] += v.x, total[1] += v.y, total[2] += v.z, total[3] += v.w;
      }
      f(4 * q / Shape::N, 4 * q % Shape::N, total);
    }
  }
}

}  // namespace fusor::cuda
