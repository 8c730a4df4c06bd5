// Where a product's left side comes from. `load` asks for four neighbouring columns of a row, `value` makes numbers of
// what came: apart, so that loads are under way while something else is computed. A load beyond the last row or column goes
// to one within and `value` drops it: without branches between them, all loads of a thread are under way at once.
#pragma once
#include "step.h"

namespace fusor::cuda {

// A matrix of ours, or rows of the data; odd: of a number of columns that four does not divide.
constexpr int kValues = 0, kBytes = 1, kFloats = 2, kOddBytes = 3, kOddFloats = 4;

DEVICE float4 zero4() { return float4{0, 0, 0, 0}; }

template <int KIND>
struct Source;

// Rows aligned, padding zero.
template <>
struct Source<kValues> {
  using Raw = float4;
  const float* values;
  int ld, width, rows;

  DEVICE Source(const Input& in, const Step& step) : values(in.values), ld(in.ld), width(in.width), rows(step.rows) {}
  DEVICE Source(const float* values, int ld, int width, int rows) : values(values), ld(ld), width(width), rows(rows) {}

  DEVICE Raw load(int row, int column) const {
    return *reinterpret_cast<const float4*>(values + static_cast<long long>(least(row, rows - 1)) * ld + (column < width ? column : 0));
  }
  DEVICE float4 value(Raw raw, int row, int column) const { return row < rows && column < width ? raw : zero4(); }
};

// Rows gathered from the data.
template <class T>
struct Gathered {
  const T* x;
  const unsigned* order;
  long long first;
  int width, rows;
  float scale, offset;

  DEVICE Gathered(const Input& in, const Step& step)
      : x(static_cast<const T*>(step.x)), order(step.order), first(step.first + (order ? 0 : step.control->first)),
        width(in.width), rows(step.rows), scale(in.scale), offset(in.offset) {}

  DEVICE const T* start(int row) const {
    long long at = first + least(row, rows - 1);
    if (order) at = order[at];
    return x + at * width;
  }
  DEVICE float4 scaled(const float (&v)[4], int row, int column) const {
    float to[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) to[i] = row < rows && column + i < width ? fmaf(v[i], scale, offset) : 0.0f;
    return float4{to[0], to[1], to[2], to[3]};
  }
};

template <bool ODD>
struct GatheredBytes : Gathered<unsigned char> {
  using Raw = unsigned;
  using Gathered::Gathered;

  DEVICE Raw load(int row, int column) const {
    const unsigned char* from = start(row);
    if (!ODD) return *reinterpret_cast<const unsigned*>(from + (column < width ? column : 0));
    Raw raw = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (column + i < width) raw |= static_cast<unsigned>(from[column + i]) << (8 * i);
    }
    return raw;
  }
  DEVICE float4 value(Raw raw, int row, int column) const {
    float v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = static_cast<float>(raw >> (8 * i) & 255u);
    return scaled(v, row, column);
  }
};

template <bool ODD>
struct GatheredFloats : Gathered<float> {
  using Raw = float4;
  using Gathered::Gathered;

  DEVICE Raw load(int row, int column) const {
    const float* from = start(row);
    if (!ODD) return *reinterpret_cast<const float4*>(from + (column < width ? column : 0));
    float v[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (column + i < width) v[i] = from[column + i];
    }
    return float4{v[0], v[1], v[2], v[3]};
  }
  DEVICE float4 value(Raw raw, int row, int column) const {
    const float v[4] = {raw.x, raw.y, raw.z, raw.w};
    return scaled(v, row, column);
  }
};

template <>
struct Source<kBytes> : GatheredBytes<false> {
  using GatheredBytes::GatheredBytes;
};
template <>
struct Source<kOddBytes> : GatheredBytes<true> {
  using GatheredBytes::GatheredBytes;
};
template <>
struct Source<kFloats> : GatheredFloats<false> {
  using GatheredFloats::GatheredFloats;
};
template <>
struct Source<kOddFloats> : GatheredFloats<true> {
  using GatheredFloats::GatheredFloats;
};

}  // namespace fusor::cuda
