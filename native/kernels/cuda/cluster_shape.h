// How cluster.cu shares out a net's sizes among blocks, warps and shared memory: the engine asks it whether a net fits.
#pragma once

namespace fusor::cuda {

constexpr int kClusterClasses = 14;
constexpr int kClusterRow = 17;  // floats of a row's gradients: rows start in other banks

struct ClusterShape {
  int features, units, batch;
  int blocks;        // of the cluster: 2, 4, 8 or 16
  bool bytes;        // inputs are bytes, not float32
  int parts;         // of a float32 in products: 3, or 2 for tf32

  static constexpr int over(int a, int b) { return (a + b - 1) / b; }
  static constexpr int most(int a, int b) { return a > b ? a : b; }

  constexpr int inputParts() const { return bytes ? 1 : parts; }  // a byte is a bfloat16
  constexpr int groups() const { return over(units, 8 * blocks); }            // of 8 hidden units, of a block
  constexpr int own() const { return 8 * groups(); }
  constexpr int rows() const { return over(batch, 16) * 16; }
  constexpr int rowsEach() const { return rows() / blocks; }  // whose loss a block computes
  constexpr int tiles() const { return over(features, 16); }

  // With `limit` warps: their tiles, and what a thread holds throughout a step: weights, slots and sums.
  constexpr int tilesWith(int limit) const { return over(tiles(), limit); }
  constexpr int heldWith(int limit) const { return groups() * (12 * tilesWith(limit) + rows() / 4); }
  static constexpr int registersWith(int limit) { return limit == 16 ? 128 : limit == 12 ? 168 : 255; }
  // The rest of its registers is for what comes and goes.
  constexpr bool holds(int limit) const { return heldWith(limit) + 60 <= registersWith(limit); }
  constexpr int limit() const { return holds(16) ? 16 : holds(12) ? 12 : 8; }
  constexpr bool fitsRegisters() const { return units <= 8 * blocks * 2 && holds(limit()); }
  constexpr int tilesEach() const { return tilesWith(limit()); }
  constexpr int warps() const { return most(8, over(tiles(), tilesEach())); }

  // A row of the data, as pieces.cu lays it out: so many bfloat16 of each part, behind each other.
  constexpr int rowElements() const { return 16 * tiles(); }
  // Elements of a row in shared memory: an odd number of 16-byte pieces, so that rows start in other banks.
  constexpr int stride() const { return (2 * tiles() | 1) * 8; }
  constexpr int unitStride() const { return rows() + 4; }
  constexpr int partStride() const { return rows() + 8; }

  // The block's shared memory, in bytes: each begins where the one before it ends, which is of the form beside it.
  constexpr int sums() const { return 2 * inputParts() * rows() * stride() * 2; }           // x: bfloat16 [2][parts][rows][stride]
  constexpr int h() const { return sums() + 4 * warps() * own() * unitStride(); }           // [warps][own][rows + 4]
  constexpr int dz() const { return h() + 4 * own() * unitStride(); }                       // [own][rows + 4]
  constexpr int dzParts() const { return dz() + 4 * own() * unitStride(); }                 // [own][rows + 4]
  constexpr int shares() const { return dzParts() + 2 * parts * own() * partStride(); }     // bfloat16 [parts][own][rows + 8]
  constexpr int gradients() const { return shares() + 4 * 2 * rows() * 16; }                // [2][blocks][rowsEach][16]
  constexpr int results() const { return gradients() + 4 * 2 * rows() * kClusterRow; }      // [2][rows][kClusterRow]
  constexpr int w2() const { return results() + 4 * 2 * rows(); }                           // [losses, hits][rows]
  constexpr int b1() const { return w2() + 4 * 3 * own() * 16; }                            // [value, slots][own][16]
  constexpr int b2() const { return b1() + 4 * 3 * own(); }                                 // [value, slots][own]
  constexpr int barriers() const { return b2() + 4 * 3 * 16; }                              // [value, slots][16]
  constexpr int stop() const { return barriers() + 4 * 8; }                                 // of 8 bytes
  constexpr int sharedBytes() const { return stop() + 8; }                                        // int
};

}  // namespace fusor::cuda
