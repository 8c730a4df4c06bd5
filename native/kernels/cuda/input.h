// Where a product's left side comes from. `load` asks for four neighbouring columns of a row, `value` makes numbers of
// what came: apart, so that loads are under way while something else is computed.
#pragma once
#include "step.h"

namespace fusor::cuda {

constexpr int kValues = 0, kBytes = 1, kFloats = 2;

DEVICE float4 zero4() { return float4{0, 0, 0, 0}; }

template <int KIND>
struct Source;

// A matrix of ours: rows aligned, padding zero.
template <>
struct Source<kValues> {
  using Raw = float4;
  const float* values;
  int ld, width, rows;

  DEVICE Source(const Input& in, const Step& step) : values(in.values), ld(in.ld), width(in.width), rows(step.rows) {}
  DEVICE Source(const float* values, int ld, int width, int rows) : values(values), ld(ld), width(width), rows(rows) {}

  DEVICE Raw load(int row, int column) const {
    if (row >= rows || column >= width) return zero4();
    return *reinterpret_cast<const float4*>(values + static_cast<long long>(row) * ld + column);
  }
  DEVICE float4 value(Raw raw, int, int) const { return raw; }
};

// Rows gathered from bytes.
template <>
struct Source<kBytes> {
  using Raw = unsigned;
  const Step& step;
  const unsigned char* x;
  int width;
  float scale, offset;
  bool aligned;

  DEVICE Source(const Input& in, const Step& step)
      : step(step), x(static_cast<const unsigned char*>(step.control->x)), width(in.width), scale(in.scale), offset(in.offset),
        aligned(in.width % 4 == 0) {}

  DEVICE Raw load(int row, int column) const {
    if (row >= step.rows || column >= width) return 0;
    const unsigned char* from = x + step.dataRow(row) * width + column;
    if (aligned) return *reinterpret_cast<const unsigned*>(from);
    Raw raw = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (column + i < width) raw |= static_cast<unsigned>(from[i]) << (8 * i);
    }
    return raw;
  }
  DEVICE float4 value(Raw raw, int row, int column) const {
    float v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool there = row < step.rows && column + i < width;
      v[i] = there ? fmaf(static_cast<float>(raw >> (8 * i) & 255u), scale, offset) : 0.0f;
    }
    return float4{v[0], v[1], v[2], v[3]};
  }
};

// Rows gathered from float32.
template <>
struct Source<kFloats> {
  using Raw = float4;
  const Step& step;
  const float* x;
  int width;
  float scale, offset;
  bool aligned;

  DEVICE Source(const Input& in, const Step& step)
      : step(step), x(static_cast<const float*>(step.control->x)), width(in.width), scale(in.scale), offset(in.offset),
        aligned(in.width % 4 == 0) {}

  DEVICE Raw load(int row, int column) const {
    if (row >= step.rows || column >= width) return zero4();
    const float* from = x + step.dataRow(row) * width + column;
    if (aligned) return *reinterpret_cast<const float4*>(from);
    float v[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (column + i < width) v[i] = from[i];
    }
    return float4{v[0], v[1], v[2], v[3]};
  }
  DEVICE float4 value(Raw raw, int row, int column) const {
    float v[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = row < step.rows && column + i < width ? fmaf(v[i], scale, offset) : 0.0f;
    return float4{v[0], v[1], v[2], v[3]};
  }
};

}  // namespace fusor::cuda
