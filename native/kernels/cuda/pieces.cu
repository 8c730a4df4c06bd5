// A data set's rows as the cluster's tensor cores take them (cluster_shape.h): each value cut into bfloat16, rows filled up with
// zeros. Done once, where a data set comes to the device. Defines: INPUT (kBytes or kFloats).
#include "bf16.h"
#include "input.h"

using namespace fusor::cuda;

KERNEL(pieces, PiecesParams, 256) {
  constexpr bool bytes = INPUT == kBytes;
  const long long piece = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x, row = piece / p.tiles;
  if (row >= p.rows) return;
  const int first = static_cast<int>(piece % p.tiles) * 16;
  for (int i = first; i < first + 16; i += 2) {
    const auto value = [&](int column) {
      const long long at = row * p.width + column;
      if (column >= p.width) return 0.0f;
      return bytes ? static_cast<float>(static_cast<const unsigned char*>(p.from)[at]) : static_cast<const float*>(p.from)[at];
    };
    unsigned parts[3];
    cut(value(i), value(i + 1), parts);
    for (int k = 0; k < p.parts; ++k) *reinterpret_cast<unsigned*>(p.to + (row * p.parts + k) * p.tiles * 16 + i) = parts[k];
  }
}
