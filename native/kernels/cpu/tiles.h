// The first Dense layer on bytes of any density, by the processor's matrix tiles (AMX): 16 rows of 32 bfloat16 times 32 x 16 of
// them at a time, summed in float32. As good as float32 products: a byte is a bfloat16, exactly, and a float32 is the sum
// of three, exactly (`split`), each of which is multiplied. The bytes' scale is applied to the sums, or to dz.
//
// A product's tiles: of a, [16 rows][32 of k]; of b, [32 of k / 2][16 columns][2], pairs of k side by side; of c, [16][16].
#pragma once
#include <cstring>

#include "coming.h"
#include "kernels.h"
#include "tile.h"
#include "tile_shapes.h"
#include "tile_sizes.h"
#include "turned.h"
#include "update.h"

namespace {

using fusor::BytesBackward;
using fusor::BytesForward;

using fusor::kPanelTiles;
using fusor::kRowsAtATime;
using fusor::kTile;

constexpr int kSteps = 32;  // of k in a tile

constexpr int roundUp(int n, int to) { return (n + to - 1) / to * to; }

// 32 bytes as bfloat16, by way of half precision, which there is an instruction for: both are exact.
inline __m512i bfloatOf(__m256i bytes) {
  const __m512i wide = _mm512_cvtepu8_epi16(bytes);
  const __m512i half = _mm512_castph_si512(_mm512_cvtepu16_ph(wide));
  constexpr int kBias = 127 - 15;  // between the exponents
  return _mm512_maskz_add_epi16(_mm512_test_epi16_mask(wide, wide), _mm512_srli_epi16(half, 3), _mm512_set1_epi16(kBias << 7));
}

enum class Split { CutOff, Rounded };

// Two rows of 16 float32 as three rows of pairs of bfloat16, so far apart: of each significand's 24 bits the first 8, the next
// 8, the last. Cut off, nothing overflows. Rounded, a part is half as large at most, and as often negative as positive: for
// whoever leaves out products of small parts. Every difference is exact.
template <long Apart = kTile, Split How = Split::CutOff>
inline __attribute__((always_inline)) void split(V a, V b, uint8_t* to) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  if constexpr (How == Split::Rounded) {  // the carry of rounding would make zeros of some NaN
    constexpr int kNan = 3 << 0 | 3 << 4;
    a = _mm512_fixupimm_ps(a, a, _mm512_set1_epi32(kNan), 0);
    b = _mm512_fixupimm_ps(b, b, _mm512_set1_epi32(kNan), 0);
  }
#pragma GCC unroll 3
  for (int part = 0; part < 3; ++part, to += Apart) {
    __m512i x = _mm512_castps_si512(a), y = _mm512_castps_si512(b);
    if (How == Split::Rounded && part < 2) {
      const __m512i half = _mm512_set1_epi32(0x8000);
      x = _mm512_add_epi32(x, half), y = _mm512_add_epi32(y, half);
    }
    constexpr int kAndOr = 0xea;  // (y & upper) | (x >> 16)
    _mm512_storeu_si512(to, _mm512_ternarylogic_epi32(y, upper, _mm512_srli_epi32(x, 16), kAndOr));
    a = sub(a, _mm512_castsi512_ps(_mm512_and_si512(x, upper)));
    b = sub(b, _mm512_castsi512_ps(_mm512_and_si512(y, upper)));
  }
}

// The parts of 32 rows from `row` on x 16 columns of [rows][ld], scaled; zero where there is no such row.
template <bool Scaled>
inline __attribute__((always_inline)) void splitColumns(const float* from, long ld, int row, int rows, V scale, uint8_t* to) {
  const auto part = [&](int r) {
    if (r >= rows) return set1(0.0f);
    const V x = load(from + r * ld);
    return Scaled ? mul(scale, x) : x;
  };
  for (int r = row; r < row + kSteps; r += 2, to += 64) split(part(r), part(r + 1), to);
}

// Tiles are used sparingly, five of the eight: each that holds something is one less to rename while the processor's other
// thread is at work, and products then wait for one another (in such times, 600 of them took 8 us and not 15).

// Tiles 0 and 1 += two tiles of rows, or one, times the parts of 16 columns.
template <bool Both>
inline __attribute__((always_inline)) void multiplyRows(const uint8_t* a, const uint8_t* parts) {
  _tile_loadd(2, a, 64);
  if constexpr (Both) _tile_loadd(3, a + kTile, 64);
#pragma GCC unroll 3
  for (int part = 0; part < 3; ++part, parts += kTile) {
    _tile_loadd(4, parts, 64);
    _tile_dpbf16ps(0, 2, 4);
    if constexpr (Both) _tile_dpbf16ps(1, 3, 4);
  }
}

// Tiles 0 and 1 += one tile of rows times the parts of a panel.
inline __attribute__((always_inline)) void multiplyPanel(const uint8_t* a, const uint8_t* parts) {
  _tile_loadd(2, a, 64);
#pragma GCC unroll 3
  for (int part = 0; part < 3; ++part, parts += kTile) {
    _tile_loadd(4, parts, 64);
    _tile_dpbf16ps(0, 2, 4);
    _tile_loadd(4, parts + kPanelTiles / 2, 64);
    _tile_dpbf16ps(1, 2, 4);
  }
}

void tilesForward(const BytesForward& d) {
  const Tiles open;
  const int inputs = roundUp(d.inputs, kSteps);
  const long blockBytes = 64L * inputs;  // of 32 rows: [inputs / 32][32 rows][32], so that all tiles lie in one stream
  const V scale = set1(d.table[1]);
  alignas(64) float sums[32 * W];
  for (int begin = d.rows.begin; begin < d.rows.end; begin += kRowsAtATime) {
    const int rows = d.rows.end - begin < kRowsAtATime ? d.rows.end - begin : kRowsAtATime;
    uint8_t* const x = d.scratch;
    for (int r = 0; r < roundUp(rows, 32); ++r) {
      uint8_t* to = x + r / 32 * blockBytes + r % 32 * 64;
      const int bytes = r < rows ? d.inputs : 0;
      for (int k = 0; k < inputs; k += kSteps, to += 2 * kTile) {
        const int left = bytes - k;
        const __mmask32 there = left >= kSteps ? ~0u : left <= 0 ? 0u : (1u << left) - 1;
        _mm512_storeu_si512(to, bfloatOf(_mm256_maskz_loadu_epi8(there, there ? d.x[begin + r] + k : nullptr)));
      }
    }
    // The weights' parts, made for the first rows: of all inputs where other rows follow, else only where they are used.
    uint8_t* const parts = x + roundUp(rows, 32) / 32 * blockBytes;
    const long next = rows > 32 ? kPanelTiles / 2 : 0;
    for (long column = static_cast<long>(d.panels.begin) * kWidth; column < d.panels.end * kWidth; column += W) {
      const float* w = d.w + column / kWidth * kWidth * d.inputs + column % kWidth;
      const V bias = d.bias ? load(d.bias + column) : set1(0.0f);
      for (int block = 0; block < rows; block += 32) {
        const bool both = rows - block > 16;
        const uint8_t* a = x + block / 32 * blockBytes;
        uint8_t* b = parts;
        _tile_zero(0);
        _tile_zero(1);
        for (int k = 0; k < inputs; k += kSteps, a += 2 * kTile, b += next) {
          if (block == 0) splitColumns<false>(w, kWidth, k, d.inputs, scale, b);
          both ? multiplyRows<true>(a, b) : multiplyRows<false>(a, b);
        }
        _tile_stored(0, sums, 64);
        _tile_stored(1, sums + 16 * W, 64);
        withActivation(d.activation, [&]<Activation A>() {
          for (int r = 0; r < 32 && block + r < rows; ++r) {
            const V z = fma(load(sums + r * W), scale, bias);
            const long at = (begin + block + r) * d.ldy + column;
            if (d.z) store(d.z + at, z);
            store(d.y + at, activated<A>(z));
          }
        });
      }
    }
  }
}

// 16 features of all rows, turned over, as bfloat16: [rows / 32][16][32].
inline void turn(const BytesBackward& d, int first, int count, uint8_t* to) {
  const ByteRows x{d.x, d.table};
  for (int row = 0; row < d.rows; row += 32, to += kTile) {
    alignas(64) uint8_t bytes[16 * 32];
    if (count == 16 && row + 32 <= d.rows) {
      turnOver16(x, row, first, bytes, 32);
      turnOver16(x, row + 16, first, bytes + 16, 32);
    } else {
      std::memset(bytes, 0, sizeof bytes);
      for (int r = 0; r < 32 && row + r < d.rows; ++r) {
        for (int f = 0; f < count; ++f) bytes[f * 32 + r] = d.x[row + r][first + f];
      }
    }
    for (int f = 0; f < 16; ++f) {
      _mm512_storeu_si512(to + f * 64, bfloatOf(_mm256_load_si256(reinterpret_cast<const __m256i*>(bytes + f * 32))));
    }
  }
}

void tilesBackward(const BytesBackward& d) {
  if (d.bias) updateBias(d);
  const Tiles open;
  const int blocks = roundUp(d.rows, 32) / 32;
  const V scale = set1(d.table[1]);
  uint8_t *const x = d.scratch, *const parts = x + blocks * kTile;
  const int atATime = fusor::panelsAtATime(d.rows);
  Coming coming(d);
  for (int begin = d.panels.begin; begin < d.panels.end; begin += atATime) {
    const int end = d.panels.end - begin < atATime ? d.panels.end : begin + atATime;
    for (int p = begin; p < end; ++p) {
      uint8_t* const to = parts + (p - begin) * blocks * kPanelTiles;
      const float* dz = d.dz + static_cast<long>(p) * kWidth;
      for (int b = 0; b < blocks; ++b) {
        splitColumns<true>(dz, d.lddz, 32 * b, d.rows, scale, to + b * kPanelTiles);
        splitColumns<true>(dz + W, d.lddz, 32 * b, d.rows, scale, to + b * kPanelTiles + kPanelTiles / 2);
      }
    }
    // Gradients are handed to the optimiser while the tiles compute the next ones.
    alignas(64) float gradients[2][16 * kWidth];
    int turns = 0, count = 0;
    long at = 0;
    const auto update = [&] { updateRows(d, at, W, gradients[turns & 1], count); };
    for (int first = d.features.begin; first < d.features.end; first += 16) {
      const int features = d.features.end - first < 16 ? d.features.end - first : 16;
      turn(d, first, features, x);
      coming.fetchShare();
      for (int p = begin; p < end; ++p) {
        const uint8_t* b = parts + (p - begin) * blocks * kPanelTiles;
        _tile_zero(0);
        _tile_zero(1);
        for (int i = 0; i < blocks; ++i) multiplyPanel(x + i * kTile, b + i * kPanelTiles);
        float* const to = gradients[~turns & 1];
        _tile_stored(0, to, 4 * kWidth);
        _tile_stored(1, to + W, 4 * kWidth);
        update();
        at = (static_cast<long>(p) * d.inputs + first) * kWidth;
        count = 2 * features;  // rows of a panel are two of 16
        ++turns;
      }
    }
    update();
  }
}

}  // namespace
