// Products of large float32 matrices by the processor's matrix tiles (AMX): each factor as the exact sum of three bfloat16
// (`split`), six of whose nine products are summed; those left out are 2^-23 of a term at most, and as often
// negative as positive. As good as float32 products, and faster than the vectors' where a factor's parts are used often enough.
//
// The order of k within a tile's step of 32 is the same in both factors: k and k + 16 are a pair.
#pragma once
#include "tiles.h"

namespace {

using fusor::DenseBackward;
using fusor::DenseForward;

using fusor::kColumnsAtATime;
using fusor::kLeftParts;
using fusor::kRightParts;

constexpr int kSumsInBlock = fusor::kSums / sizeof(float);

// Tiles 0 and 1 += left times right, the smallest products first; the order loads the fewest tiles.
inline __attribute__((always_inline)) void multiplyParts(const uint8_t* left, const uint8_t* right) {
  const auto loadLeft = [&](int part) {
    _tile_loadd(2, left + part * 2 * kTile, 64);
    _tile_loadd(3, left + part * 2 * kTile + kTile, 64);
  };
  const auto multiply = [] {
    _tile_dpbf16ps(0, 2, 4);
    _tile_dpbf16ps(1, 3, 4);
  };
  _tile_loadd(4, right, 64);
  loadLeft(2);
  multiply();
  loadLeft(1);
  multiply();
  _tile_loadd(4, right + kTile, 64);
  multiply();
  loadLeft(0);
  multiply();
  _tile_loadd(4, right + 2 * kTile, 64);
  multiply();
  _tile_loadd(4, right, 64);
  multiply();
}

// A product of [rows][k] and [k][16 columns], cut so that what is used again stays in the caches. makeLeft(row, k, to) and
// makeRight(column, k, to) write parts; fetchRight(column, k) asks memory for what makeRight will read: rows far apart, which
// no processor guesses. finish(row, column, sums) gets 32 x 16 sums, rows beyond the last among them. `columns` counts groups
// of 16.
template <class Left, class Right, class Fetch, class Finish>
inline void multiplyTiles(int rows, int columns, int k, uint8_t* scratch, Left makeLeft, Right makeRight, Fetch fetchRight,
                          Finish finish) {
  const Tiles open;
  const int steps = roundUp(k, kSteps) / kSteps, together = fusor::stepsTogether(k);
  alignas(64) float whole[kSumsInBlock];
  const int columnsAtATime = steps == together ? columns : kColumnsAtATime;
  for (int begin = 0; begin < rows; begin += kRowsAtATime) {
    const int blocks = roundUp(rows - begin < kRowsAtATime ? rows - begin : kRowsAtATime, 32) / 32;
    uint8_t *const left = scratch, *const right = left + blocks * together * kLeftParts;
    float* const sums = reinterpret_cast<float*>(right + together * kRightParts);
    for (int group = 0; group < columns; group += columnsAtATime) {
      const int end = group + columnsAtATime < columns ? group + columnsAtATime : columns;
      for (int step = 0; step < steps; step += together) {
        const int count = steps - step < together ? steps - step : together;
        const bool last = step + count == steps;
        for (int b = 0; b < blocks; ++b) {
          for (int s = 0; s < count; ++s) {
            makeLeft(begin + 32 * b, (step + s) * kSteps, left + (b * together + s) * kLeftParts);
          }
        }
        for (int column = group; column < end; ++column) {
          for (int b = 0; b < blocks; ++b) {
            float* const block = steps == together ? whole : sums + (static_cast<long>(column - group) * blocks + b) * kSumsInBlock;
            if (step == 0) {
              _tile_zero(0);
              _tile_zero(1);
            } else {
              _tile_loadd(0, block, 64);
              _tile_loadd(1, block + 16 * W, 64);
            }
            for (int s = 0; s < count; ++s) {
              uint8_t* const parts = right + s * kRightParts;
              if (b == 0) makeRight(column, (step + s) * kSteps, parts);
              if (b == blocks / 2 && column + 1 < end) fetchRight(column + 1, (step + s) * kSteps);
              multiplyParts(left + (b * together + s) * kLeftParts, parts);
            }
            _tile_stored(0, block, 64);
            _tile_stored(1, block + 16 * W, 64);
            if (last) finish(begin + 32 * b, column, block);
          }
        }
      }
    }
  }
}

// 16 x 16 of 4 bytes turned over.
inline void turnSquare(const uint8_t* from, uint8_t* to) {
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(from + 64 * i);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  // a[4 g + c]: of rows 4 g … 4 g + 3, columns c, c + 4, c + 8, c + 12.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i low = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88), high = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
    const __m512i lowOdd = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xdd), highOdd = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xdd);
    _mm512_storeu_si512(to + 64 * c, _mm512_shuffle_i32x4(low, high, 0x88));
    _mm512_storeu_si512(to + 64 * (c + 8), _mm512_shuffle_i32x4(low, high, 0xdd));
    _mm512_storeu_si512(to + 64 * (c + 4), _mm512_shuffle_i32x4(lowOdd, highOdd, 0x88));
    _mm512_storeu_si512(to + 64 * (c + 12), _mm512_shuffle_i32x4(lowOdd, highOdd, 0xdd));
  }
}

// 32 rows of 16 values, or 16 of 32.
inline __attribute__((always_inline)) void fetchRows(const float* first, long ld, int rows) {
  for (int r = 0; r < 32 && r < rows; ++r) __builtin_prefetch(first + r * ld, 0, 2);
}

// 16 values from `column` on of a row of `columns`, zero beyond.
inline V valuesAt(const float* row, int column, int columns) {
  const int left = columns - column;
  return left >= W ? load(row + column) : left <= 0 ? set1(0.0f) : loadTail(row + column, left);
}

// Left parts of 32 rows of [rows][columns] as they lie.
inline void splitRows(const float* from, long ld, int row, int rows, int k, int columns, uint8_t* to) {
  for (int r = 0; r < 32; ++r, to += 64) {
    const bool there = row + r < rows;
    const float* values = from + (row + r) * ld;
    split<2 * kTile, Split::Rounded>(there ? valuesAt(values, k, columns) : set1(0.0f),
                                     there ? valuesAt(values, k + 16, columns) : set1(0.0f), to);
  }
}

// Right parts of 32 rows of [rows][columns] as they lie, 16 columns; turned over, left parts of the 16 columns.
inline __attribute__((always_inline)) void splitPairs(const float* from, long ld, int row, int rows, int column, int columns,
                                                      uint8_t* to) {
  for (int r = row; r < row + 16; ++r, to += 64) {
    split<kTile, Split::Rounded>(r < rows ? valuesAt(from + r * ld, column, columns) : set1(0.0f),
                                 r + 16 < rows ? valuesAt(from + (r + 16) * ld, column, columns) : set1(0.0f), to);
  }
}

// What differs by activation or optimiser is chosen for each block of sums and not around the product, which is compiled once.
void denseTilesForward(const DenseForward& d) {
  const long first = static_cast<long>(d.panels.begin) * kWidth;
  const int rows = d.rows.size();
  const float* const a = d.a + d.rows.begin * d.lda;
  const auto columnOf = [&](int column) { return d.w + (first + column / 2 * kWidth) * d.inputs + column % 2 * W; };
  multiplyTiles(
      rows, d.panels.size() * 2, d.inputs, d.scratch,
      [&](int row, int k, uint8_t* to) { splitRows(a, d.lda, row, rows, k, d.inputs, to); },
      [&](int column, int k, uint8_t* to) { splitPairs(columnOf(column), kWidth, k, d.inputs, 0, W, to); },
      [&](int column, int k) __attribute__((always_inline)) {
        fetchRows(columnOf(column) + static_cast<long>(k) * kWidth, kWidth, d.inputs - k);
      },
      [&](int row, int column, const float* sums) {
        const long at = (d.rows.begin + row) * d.ldy + first + column * W;
        const V bias = d.bias ? load(d.bias + first + column * W) : set1(0.0f);
        withActivation(d.activation, [&]<Activation A>() {
          for (int r = 0; r < 32 && row + r < rows; ++r) {
            const V value = add(load(sums + r * W), bias);
            float* const y = d.y + at + r * d.ldy;
            if (d.z) store(d.z + at + r * d.ldy, value);
            store(y, activated<A>(value));
            __builtin_prefetch(y + W, 1, 2);
          }
        });
      });
}

// dx of the inputs in `features`.
inline void tilesInputGradient(const DenseBackward& d) {
  const int begin = d.features.begin, end = d.features.end;
  const auto rowOf = [&](int input, int n) { return d.w + static_cast<long>(n) * d.inputs + static_cast<long>(input) * kWidth; };
  multiplyTiles(
      d.rows, fusor::panelsOf(d.features.size(), kWidth) * 2, d.outputs, reinterpret_cast<uint8_t*>(d.scratch),
      [&](int row, int n, uint8_t* to) { splitRows(d.dz, d.lddz, row, d.rows, n, d.outputs, to); },
      [&](int column, int n, uint8_t* to) {
        // A panel's row of an input is a row of left parts; turned over, 16 of them are right parts.
        alignas(64) uint8_t rows[3 * kTile];
        for (int i = 0; i < 16; ++i) {
          const int input = begin + column * W + i;
          const V none = set1(0.0f);
          const float* values = input < end ? rowOf(input, n) : nullptr;
          split<kTile, Split::Rounded>(values ? load(values) : none, values ? load(values + W) : none, rows + 64 * i);
        }
        for (int part = 0; part < 3; ++part) turnSquare(rows + part * kTile, to + part * kTile);
      },
      [&](int column, int n) __attribute__((always_inline)) {
        fetchRows(rowOf(begin + column * W, n), W, 2 * (end - begin - column * W));
      },
      [&](int row, int column, const float* sums) {
        withActivation(d.activation, [&]<Activation A>() {
          for (int r = row; r < row + 32 && r < d.rows; ++r) {
            const long at = r * d.lddx + begin + column * W;
            V gradient = load(sums + (r - row) * W);
            if constexpr (A != Activation::Linear) {
              gradient = mul(gradient, slope<A>(load(d.h + at), A == Activation::Gelu ? load(d.z + at) : load(d.h + at)));
            }
            store(d.dx + at, gradient);
            __builtin_prefetch(d.dx + at + W, 1, 2);
          }
        });
      });
}

inline void tilesWeightUpdate(const DenseBackward& d) {
  const int begin = d.features.begin;
  const float* const dz = d.dz + static_cast<long>(d.panels.begin) * kWidth;
  multiplyTiles(
      d.features.size(), d.panels.size() * 2, d.rows, reinterpret_cast<uint8_t*>(d.scratch),
      [&](int feature, int row, uint8_t* to) {
        for (int half = 0; half < 2; ++half, to += kTile) {
          alignas(64) uint8_t pairs[3 * kTile];
          splitPairs(d.a, d.lda, row, d.rows, begin + feature + 16 * half, d.inputs, pairs);
          for (int part = 0; part < 3; ++part) turnSquare(pairs + part * kTile, to + part * 2 * kTile);
        }
      },
      [&](int column, int row, uint8_t* to) { splitPairs(dz + column * W, d.lddz, row, d.rows, 0, W, to); },
      [&](int column, int row) __attribute__((always_inline)) {
        fetchRows(dz + column * W + row * d.lddz, d.lddz, d.rows - row);
      },
      [&](int feature, int column, const float* sums) {
        const int left = d.features.size() - feature, count = left < 32 ? left : 32;
        const long at = (static_cast<long>(d.panels.begin + column / 2) * d.inputs + begin + feature) * kWidth + column % 2 * W;
        updateRows(d, at, kWidth, sums, count);
      });
}

void denseTilesBackward(const DenseBackward& d) {
  if (d.bias) updateBias(d);
  if (d.dx) tilesInputGradient(d);
  if (d.a) tilesWeightUpdate(d);
}

}  // namespace
