// What the defines of cluster.cu come to: one net's sizes, as its blocks, warps and lanes share them out.
#pragma once
#include "cluster_shape.h"
#include "input.h"
#include "params.h"

namespace fusor::cuda {

constexpr OptimizerKind kOptimizer = OptimizerKind::OPTIMIZER;
constexpr ActivationKind kActivation = ActivationKind::ACTIVATION;

constexpr ClusterShape kShape{FEATURES, UNITS, BATCH, BLOCKS, INPUT == kBytes, PARTS};
static_assert(kShape.fitsRegisters() && CLASSES <= kClusterClasses, "too large for a cluster's registers");
constexpr int kBlocks = BLOCKS, kGroups = kShape.groups(), kOwn = kShape.own(), kRows = kShape.rows(), kRowTiles = kRows / 16,
              kRowsEach = kShape.rowsEach(), kTiles = kShape.tiles(), kEach = kShape.tilesEach(), kWarps = kShape.warps(),
              kThreads = 32 * kWarps, kStride = kShape.stride(), kUnitStride = kShape.unitStride(), kPartStride = kShape.partStride(),
              kInputParts = kShape.inputParts(), kPiece = 16, kRowElements = kShape.rowElements();
constexpr bool kSpare = kWarps * kEach > kTiles;  // some warps have fewer

}  // namespace fusor::cuda
