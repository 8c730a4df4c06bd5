// Kernels written as plainly as can be, with one fault each: what the gates must catch (controls.cc).
#pragma once
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "reference.h"

namespace fusor::test {

enum class Fault {
  None,
  SignFlip,        // of the result before the activation, or of the gradient
  NoMean,          // times the number of rows
  TransposedW,     // read as [outputs, inputs]
  MaskOfGradient,  // relu's mask from the gradient's sign
  MaskNegative,    // relu's mask where the value is negative
  StaleRow,        // the last row (forward, dx) or input (dw) is not computed
  StaleColumn,     // nor the last column
  LostTerm,        // the last term of each sum
  Tf32,            // inputs rounded to TensorFloat-32
  NoBias,
  SwallowsNan,    // relu as max(x, 0) of the hardware: x > 0 ? x : 0
  WritesPadding,  // something other than zero in the padding columns
  WritesPast,     // one element after the last
  ReadsPast,      // one element after the last of the batch
  IgnoresRange,   // begins with the first row (forward) or input (backward) whatever the range
  UpdatesFirst,   // dx from the weights after their update
};

template <Fault F>
struct Faulty {
  static inline int width = 8;

  static float input(float x) {
    if (F != Fault::Tf32) return x;
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x0fff + (bits >> 13 & 1)) & ~0x1fffu;  // 10 bits of mantissa, to nearest even
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
  static float at(const float* w, int inputs, int outputs, int k, int n) {
    if (F == Fault::TransposedW) {
      const int flat = n * inputs + k;
      k = flat / outputs, n = flat % outputs;
    }
    return input(w[(static_cast<long>(n / width) * inputs + k) * width + n % width]);
  }
  static int terms(int count) { return F == Fault::LostTerm ? count - 1 : count; }
  static float signedSum(float x) { return F == Fault::SignFlip ? -x : x; }
  static bool stale(int i, int end, Fault fault) { return F == fault && i == end - 1; }

  // The widths of a packed matrix are not told to a kernel: the last real column is the last whose weights
  // are not all 0.
  static int columns(const float* w, int inputs, int padded) {
    for (int n = padded; n-- > 0;) {
      for (int k = 0; k < inputs; ++k) {
        if (w[(static_cast<long>(n / width) * inputs + k) * width + n % width] != 0) return n + 1;
      }
    }
    return 0;
  }

  static void forward(const DenseForward& d) {
    const int last = columns(d.w, d.inputs, d.panels.end * width);
    for (int r = F == Fault::IgnoresRange ? 0 : d.rows.begin; r < d.rows.end; ++r) {
      if (stale(r, d.rows.end, Fault::StaleRow)) continue;
      for (int n = d.panels.begin * width; n < d.panels.end * width; ++n) {
        if (stale(n, last, Fault::StaleColumn)) continue;
        float sum = d.bias && F != Fault::NoBias ? d.bias[n] : 0;
        for (int k = 0; k < terms(d.inputs); ++k) {
          sum = std::fma(input(d.a[r * d.lda + k]), at(d.w, d.inputs, d.panels.end * width, k, n), sum);
        }
        if (F == Fault::ReadsPast) sum += 0 * d.a[r * d.lda + d.inputs];
        sum = signedSum(sum);
        if (F == Fault::WritesPadding && n >= last) sum = 1;
        const long i = r * d.ldy + n;
        if (d.z) d.z[i] = sum;
        const bool swallow = F == Fault::SwallowsNan && d.activation == Activation::Relu;
        d.y[i] = swallow ? (sum > 0 ? sum : 0) : static_cast<float>(activation(d.activation, sum));
      }
      if (F == Fault::WritesPast) d.y[r * d.ldy + d.panels.end * width] = 0;
    }
  }

  static void inputGradient(const DenseBackward& d) {
    const int end = (d.features.end + width - 1) / width * width;
    for (int r = 0; r < d.rows; ++r) {
      if (stale(r, d.rows, Fault::StaleRow)) continue;
      for (int i = F == Fault::IgnoresRange ? 0 : d.features.begin; i < end; ++i) {
        if (stale(i, d.inputs, Fault::StaleColumn)) continue;
        const long to = r * d.lddx + i;
        float sum = F == Fault::WritesPadding ? 1 : 0;
        if (i < d.inputs) {
          sum = 0;
          for (int n = 0; n < terms(d.outputs); ++n) {
            sum = std::fma(input(d.dz[r * d.lddz + n]), at(d.w, d.inputs, d.outputs, i, n), sum);
          }
          float value = d.h ? d.h[to] : 0;
          if (F == Fault::MaskOfGradient) value = sum;
          if (F == Fault::MaskNegative) value = -value;
          sum = signedSum(sum) * static_cast<float>(slope(d.activation, value, d.z ? d.z[to] : 0));
        }
        d.dx[to] = sum;
      }
      if (F == Fault::WritesPast) d.dx[r * d.lddx + end] = 0;
    }
  }

  // Only UpdateKind::Store.
  static void weightGradient(const DenseBackward& d) {
    for (int p = d.panels.begin * width; p < d.panels.end * width; ++p) {
      for (int k = F == Fault::IgnoresRange ? 0 : d.features.begin; k < d.features.end; ++k) {
        if (stale(k, d.inputs, Fault::StaleRow) || stale(p, d.panels.end * width, Fault::StaleColumn))
          continue;
        float sum = 0;
        for (int r = 0; r < terms(d.rows); ++r)
          sum = std::fma(input(d.a[r * d.lda + k]), input(d.dz[r * d.lddz + p]), sum);
        sum = signedSum(sum) * (F == Fault::NoMean ? d.rows : 1);
        d.w[(static_cast<long>(p / width) * d.inputs + k) * width + p % width] = sum;
      }
    }
    if (F == Fault::WritesPast) d.w[static_cast<long>(d.panels.end) * width * d.inputs] = 0;
  }

  static void biasGradient(const DenseBackward& b) {
    for (int n = b.panels.begin * width; n < b.panels.end * width; ++n) {
      if (stale(n, b.panels.end * width, Fault::StaleColumn)) continue;
      float sum = 0;
      for (int r = 0; r < terms(b.rows); ++r) sum += b.dz[r * b.lddz + n];
      b.bias[n] = signedSum(sum) * (F == Fault::NoMean ? b.rows : 1);
    }
  }

  static void backward(const DenseBackward& d) {
    if (d.bias) biasGradient(d);
    if (d.a && F == Fault::UpdatesFirst) weightGradient(d);
    if (d.dx) inputGradient(d);
    if (d.a && F != Fault::UpdatesFirst) weightGradient(d);
  }

  // The real kernels on rows whose last byte is taken for 0.
  template <class D>
  static void withoutLastByte(D d, int rows, void (*kernel)(const D&)) {
    std::vector<std::vector<uint8_t>> copies;
    std::vector<const uint8_t*> pointers;
    for (int r = 0; r < rows; ++r) {
      copies.emplace_back(d.x[r], d.x[r] + d.inputs).back() = 0;
      pointers.push_back(copies.back().data());
    }
    d.x = pointers.data();
    kernel(d);
  }
  static void sparseForward(const BytesForward& d) {
    withoutLastByte(d, d.rows.end, scalarKernels()->sparseForward);
  }
  static void sparseBackward(const BytesBackward& d) {
    withoutLastByte(d, d.rows, scalarKernels()->sparseBackward);
  }

  // The same of the tiles, or with what is multiplied by the bytes rounded to TensorFloat-32.
  static inline const Kernels* tiles = nullptr;
  static void tilesForward(const BytesForward& d) {
    if (F != Fault::Tf32) return withoutLastByte(d, d.rows.end, tiles->tilesForward);
    std::vector<float> w(d.w, d.w + static_cast<long>(d.panels.end) * width * d.inputs);
    for (float& x : w) x = input(x);
    BytesForward rounded = d;
    rounded.w = w.data();
    tiles->tilesForward(rounded);
  }
  static void tilesBackward(const BytesBackward& d) {
    if (F != Fault::Tf32) return withoutLastByte(d, d.rows, tiles->tilesBackward);
    std::vector<float> dz(d.dz, d.dz + (d.rows - 1) * d.lddz + static_cast<long>(d.panels.end) * width);
    for (float& x : dz) x = input(x);
    BytesBackward rounded = d;
    rounded.dz = dz.data();
    tiles->tilesBackward(rounded);
  }
  static Kernels tilesTable(const Kernels& sound) {
    tiles = &sound;
    width = sound.width;
    Kernels k = sound;
    k.tilesForward = tilesForward, k.tilesBackward = tilesBackward;
    return k;
  }

  static Kernels table() {
    Kernels k = *scalarKernels();
    width = k.width;
    k.denseForward = forward, k.denseBackward = backward;
    return k;
  }
  // Only the kernels that leave out zeros are faulty.
  static Kernels sparseTable() {
    Kernels k = *scalarKernels();
    width = k.width;
    k.sparseForward = sparseForward, k.sparseBackward = sparseBackward;
    k.denseForward = [](const DenseForward& d) { d.sparse ? forward(d) : scalarKernels()->denseForward(d); };
    k.denseBackward = [](const DenseBackward& d) {
      DenseBackward lost = d;
      if (d.sparseDw) lost.rows = terms(d.rows);
      if (d.sparseDx) lost.outputs = terms(d.outputs);
      scalarKernels()->denseBackward(lost);
    };
    return k;
  }
};

}  // namespace fusor::test
