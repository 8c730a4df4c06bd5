// How cluster.cu shares out a net's sizes among blocks, warps and shared memory: the engine asks it whether a net fits.
#pragma once

namespace fusor::cuda {

constexpr int kClusterBlocks = 8;
constexpr int kClusterUnits = 16;   // hidden units of a block
constexpr int kClusterClasses = 16;
constexpr int kClusterWarps = 12;   // at most: three on a quarter of a multiprocessor, which leaves a thread 168 registers
constexpr int kClusterRegisters = 124;

struct ClusterShape {
  int features, batch, elementBytes;

  constexpr int rows() const { return (batch + 7) / 8 * 8; }
  constexpr int tiles() const { return (features + 8 * kClusterWarps - 1) / (8 * kClusterWarps); }
  // The row losses take 8 lanes a row and a pass over them: no fewer than 8 warps.
  constexpr int warps() const {
    const int needed = (features + 8 * tiles() - 1) / (8 * tiles());
    return needed < 8 ? 8 : needed;
  }
  // A row in shared memory, in elements: whole 16-byte copies, an odd number of them, so that rows start in other banks.
  constexpr int stride() const {
    const int quantum = 16 / elementBytes, copies = (features + quantum - 1) / quantum;
    return (copies | 1) * quantum;
  }
  // Of one step's rows, in elements; tiles may reach beyond the last row: what is there counts nothing.
  constexpr int buffer() const { return (rows() * stride() + warps() * tiles() * 8 + 15) / 16 * 16; }
  // What a thread holds throughout a step: weights, slots, sums. The rest of its registers is for what comes and goes.
  constexpr int heldRegisters() const { return 12 * tiles() + rows() / 2; }
  constexpr int shareFloats() const { return rows() * kClusterClasses; }
  constexpr int unitStride() const { return rows() + 4; }

  // The block's shared memory, in floats.
  constexpr int sums() const { return 2 * buffer() * elementBytes / 4; }                          // [warps][16][rows]
  constexpr int h() const { return sums() + warps() * kClusterUnits * rows(); }                   // [16][rows + 4]
  constexpr int dz() const { return h() + kClusterUnits * unitStride(); }                         // [16][rows + 4]
  constexpr int share() const { return dz() + kClusterUnits * unitStride(); }                     // [2][blocks][classes][rows]
  constexpr int dl() const { return share() + 2 * kClusterBlocks * shareFloats(); }               // [rows][classes]
  constexpr int targets() const { return dl() + shareFloats(); }                                  // [2][rows][classes]
  constexpr int rowWeights() const { return targets() + 2 * shareFloats(); }                      // [2][rows]
  constexpr int w2() const { return rowWeights() + 2 * rows(); }                                  // [value, slots][16][classes]
  constexpr int b1() const { return w2() + 3 * kClusterUnits * kClusterClasses; }                 // [value, slots][16]
  constexpr int b2() const { return b1() + 3 * kClusterUnits; }                                   // [value, slots][classes]
  constexpr int results() const { return b2() + 3 * kClusterClasses; }                            // [losses, hits][rows]
  constexpr int rowsOf() const { return results() + 2 * rows(); }                                 // int [4][rows], by step
  constexpr int stop() const { return rowsOf() + 4 * rows(); }                                    // int
  constexpr int all() const { return stop() + 4; }
};

}  // namespace fusor::cuda
