// The way back of a layer whose input is mostly zero (sparse.h): gradients of weights, feature by feature, each from the rows
// in which it is not zero.
#pragma once
#include <type_traits>

#include "sparse.h"
#include "transpose.h"
#include "update.h"

namespace {

using fusor::BytesBackward;
using fusor::DenseBackward;

inline ByteRows rowsOf(const BytesBackward& d) { return {d.x, d.table}; }
inline FloatRows rowsOf(const DenseBackward& d) { return {d.a, d.lda}; }

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

// 16 features of 16 rows turned over: to[f * stride + r] = rows[r][f]. Four rounds of interleaving the two halves.
inline void turnOver16(const ByteRows& x, int row, int feature, uint8_t* to, long stride) {
  Bytes16 a[16], b[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&a[i], x.row(row + i) + feature, 16);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::memcpy(a, b, sizeof a);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * stride, &a[i], 16);
}

inline void turnOver16(const FloatRows& x, int row, int feature, float* to, long stride) {
  for (int r = 0; r < 16; r += W) {
    for (int f = 0; f < 16; f += W) {
      V square[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) square[i] = load(x.row(row + r + i) + feature + f);
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) store(to + (f + i) * stride + r, square[i]);
    }
  }
}

// Some features of all rows, turned over, in words of 64 rows; zero beyond the last row, where it has to be so beforehand.
template <class X>
struct Turned {
  using E = typename X::Element;
  X x;
  int first, count;
  long words;       // a feature
  E* elements;      // [count][64 words]
  uint64_t* masks;  // [count][words]

  // A group of 16 of them, or less at the end.
  void fill(int from, int rows) const {
    const long padded = 64 * words;
    const int features = count - from < 16 ? count - from : 16;
    E* const to = elements + from * padded;
    int r = 0;
    if (features == 16) {
      for (; r + 16 <= rows; r += 16) turnOver16(x, r, first + from, to + r, padded);
    }
    for (; r < rows; ++r) {
      for (int f = 0; f < features; ++f) to[f * padded + r] = x.row(r)[first + from + f];
    }
    masksOf(to, features * words, masks + from * words);
  }
};

// The rows that the next call will read: a share of them at each of the groups of 16 features.
class Coming {
 public:
  explicit Coming(const BytesBackward& d)
      : row_(d.coming), end_(d.coming + d.comingRows), lines_((d.inputs + 63) / 64) {
    const long groups = (d.features.size() + 15) / 16;
    share_ = groups ? (lines_ * d.comingRows + groups - 1) / groups : 0;
  }
  explicit Coming(const DenseBackward&) : row_(nullptr), end_(nullptr), lines_(0) {}

  // Always inlined: GCC takes a call that does nothing but fetch ahead for one that does nothing.
  inline __attribute__((always_inline)) void fetchShare() {
    for (long i = 0; i < share_ && row_ != end_; ++i) {
      __builtin_prefetch(*row_ + 64 * line_, 0, 2);
      if (++line_ == lines_) line_ = 0, ++row_;
    }
  }

 private:
  const uint8_t* const* row_;
  const uint8_t* const* end_;
  const long lines_;
  long line_ = 0, share_ = 0;
};

// Of up to 64 rows of bytes: a feature's gradient goes from its sums to the optimiser in registers. A function of its own, as
// sparseWords. Not for floats: a layer's inputs are often a power of two, so that all panels of weights and slots fall into the
// same few places of the first-level cache; one panel at a time is faster there.
template <UpdateKind K, int N>
__attribute__((noinline)) void updateFewRows(const LayerUpdate& d, const Turned<ByteRows>& turned, int panel) {
  const Rule<K> rule(d.update);
  const ByteRows from = turned.x;
  const long apart = static_cast<long>(kWidth) * d.inputs, lddz = d.lddz;
  const float* dz = d.dz + static_cast<long>(panel) * kWidth;
  const auto* elements = turned.elements;
  const uint64_t* masks = turned.masks;
  const long at = panel * apart + static_cast<long>(turned.first) * kWidth;
  float *w = d.w + at, *slot0 = d.slot0 + at, *slot1 = d.slot1 + at;
  for (int left = turned.count; left > 0; --left, elements += 64, ++masks, w += kWidth, slot0 += kWidth, slot1 += kWidth) {
    V acc[2 * N];
    for (int j = 0; j < 2 * N; ++j) acc[j] = set1(0.0f);
    eachBit(*masks, [&](long r) {
      const V v = set1(from.value(elements[r]));
      const float* row = dz + r * lddz;
#pragma GCC unroll 8
      for (int j = 0; j < 2 * N; ++j) acc[j] = fma(v, load(row + j * W), acc[j]);
    });
    // All in step where there are 32 registers, else half of them.
    constexpr int kInStep = kTileRows < 12 && N % 2 == 0 ? N : 2 * N;
    for (int j = 0; j < 2 * N; j += kInStep) {
      rule.template operator()<kInStep>(acc + j, w, slot0, slot1, [=](int n) { return (j + n) / 2 * apart + (j + n) % 2 * W; });
    }
  }
}

// Features whose sums are in memory together: dz of 64 rows stays in the first-level cache for as many.
constexpr int kTogether = fusor::kSparseFeatures;

// sums[panel][feature] += the products of 64 rows of `count` features with N panels of rows, of dz, which lie in one piece.
template <int N, class X>
__attribute__((noinline)) void addWord(const X& x, const typename X::Element* elements, const uint64_t* masks, long words, int count,
                                       const float* rows, float* sums) {
  const X from = x;
  constexpr long kPanel = kTogether * kWidth;
  for (; count > 0; --count, elements += 64 * words, masks += words, sums += kWidth) {
    V acc[2 * N];
    for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j / 2 * kPanel + j % 2 * W);
    eachBit(*masks, [&](long r) {
      const V v = set1(from.value(elements[r]));
      const float* row = rows + r * N * kWidth;
#pragma GCC unroll 8
      for (int j = 0; j < 2 * N; ++j) acc[j] = fma(v, load(row + j * W), acc[j]);
    });
    for (int j = 0; j < 2 * N; ++j) store(sums + j / 2 * kPanel + j % 2 * W, acc[j]);
  }
}

// The same of all rows, for features from `f` on, beginning with 0.
template <int N, class X>
inline void addWords(const Turned<X>& turned, int f, int count, const float* rows, float* sums) {
  const long words = turned.words;
  std::memset(sums, 0, N * kTogether * kWidth * sizeof(float));
  for (long word = 0; word < words; ++word) {
    addWord<N>(turned.x, turned.elements + (f * words + word) * 64, turned.masks + f * words + word, words, count,
               rows + word * 64 * N * kWidth, sums);
  }
}

template <int N, class X>
inline void updatePanels(const LayerUpdate& d, const Turned<X>& turned, int panel, float* dz, float* sums) {
  const long apart = static_cast<long>(kWidth) * d.inputs;
  for (int r = 0; r < d.rows; ++r) {
    const float* row = d.dz + r * d.lddz + static_cast<long>(panel) * kWidth;
    for (int j = 0; j < 2 * N; ++j) store(dz + (r * 2 * N + j) * W, load(row + j * W));
  }
  for (int f = 0; f < turned.count; f += kTogether) {
    const int count = turned.count - f < kTogether ? turned.count - f : kTogether;
    addWords<N>(turned, f, count, dz, sums);
    for (int p = 0; p < N; ++p) {
      updateRows(d, (panel + p) * apart + static_cast<long>(turned.first + f) * kWidth, W, sums + p * kTogether * kWidth, 2 * count);
    }
  }
}

inline int fewer(int a, int b) { return a < b ? a : b; }

template <class Backward>
void sparseUpdate(const Backward& d, fusor::Range features, void* scratch) {
  const auto x = rowsOf(d);
  using X = std::remove_const_t<decltype(x)>;
  Coming coming(d);
  const long words = (d.rows + 63) / 64;
  const bool few = sizeof(typename X::Element) == 1 && d.rows <= 64;
  const int most = few ? 16 : fewer(fusor::sparseFeatures(d.rows), (features.size() + 15) / 16 * 16);
  auto* const masks = static_cast<uint64_t*>(scratch);
  float* const dz = reinterpret_cast<float*>(masks + most * words);
  float* const sums = dz + (few ? 0 : d.rows * kSparsePanels * kWidth);
  auto* const elements = reinterpret_cast<typename X::Element*>(sums + (few ? 0 : kTogether * kSparsePanels * kWidth));
  const long padded = 64 * words;
  for (int f = 0; f < most; ++f) std::memset(elements + f * padded + d.rows, 0, (padded - d.rows) * sizeof *elements);
  for (int first = features.begin; first < features.end; first += most) {
    const Turned<X> turned{x, first, features.end - first < most ? features.end - first : most, words, elements, masks};
    for (int f = 0; f < turned.count; f += 16) {
      turned.fill(f, d.rows);
      coming.fetchShare();
    }
    if constexpr (sizeof(typename X::Element) == 1) {
      if (few) {
        withUpdate(d.update.kind, [&]<UpdateKind K>() {
          forPanels(d.panels, [&]<int N>(int panel) { updateFewRows<K, N>(d, turned, panel); });
        });
        continue;
      }
    }
    forPanels(d.panels, [&]<int N>(int panel) { updatePanels<N>(d, turned, panel, dz, sums); });
  }
}

// Where dz has the zeros: each output's sums over the rows of a, N panels of features from `first` on, turned over for the optimiser.
template <int N>
inline void updateOutputs(const DenseBackward& d, const Turned<FloatRows>& turned, fusor::Range features, float* a, float* sums) {
  const long apart = static_cast<long>(kWidth) * d.inputs;
  const int count = features.size() < N * kWidth ? features.size() : N * kWidth;
  for (int r = 0; r < d.rows; ++r) {
    float* const to = a + static_cast<long>(r) * N * kWidth;
    std::memcpy(to, d.a + r * d.lda + features.begin, count * sizeof(float));
    std::memset(to + count, 0, (N * kWidth - count) * sizeof(float));
  }
  float* const gradients = sums + kTogether * N * kWidth;
  for (int f = 0; f < turned.count; f += kTogether) {
    const int outputs = turned.count - f < kTogether ? turned.count - f : kTogether;
    addWords<N>(turned, f, outputs, a, sums);
    for (int n = 0; n < outputs; n += kWidth) {
      for (int k = 0; k < N * kWidth; k += W) {
        const float* const from = sums + k / kWidth * kTogether * kWidth + n * kWidth + k % kWidth;
        for (int column = 0; column < kWidth; column += W) {
          V square[W];
#pragma GCC unroll 16
          for (int i = 0; i < W; ++i) square[i] = load(from + (column + i) * kWidth);
          transpose(square);
#pragma GCC unroll 16
          for (int i = 0; i < W; ++i) store(gradients + (k + i) * kWidth + column, square[i]);
        }
      }
      const long panel = (turned.first + f + n) / kWidth;
      updateRows(d, panel * apart + static_cast<long>(features.begin) * kWidth, W, gradients, 2 * count);
    }
  }
}

inline void sparseUpdateByOutputs(const DenseBackward& d, fusor::Range features, void* scratch) {
  const FloatRows dz{d.dz, d.lddz};
  // Padding is zero.
  const int begin = d.panels.begin * kWidth, end = d.panels.end * kWidth, most = fewer(fusor::sparseFeatures(d.rows), end - begin);
  const long words = (d.rows + 63) / 64, padded = 64 * words;
  auto* const masks = static_cast<uint64_t*>(scratch);
  float* const a = reinterpret_cast<float*>(masks + most * words);
  float* const elements = a + d.rows * kSparsePanels * kWidth;
  float* const sums = elements + most * padded;
  for (int f = 0; f < most; ++f) std::memset(elements + f * padded + d.rows, 0, (padded - d.rows) * sizeof(float));
  for (int first = begin; first < end; first += most) {
    const Turned<FloatRows> turned{dz, first, fewer(most, end - first), words, elements, masks};
    for (int f = 0; f < turned.count; f += 16) turned.fill(f, d.rows);
    forPanels({0, fusor::panelsOf(features.size(), kWidth)}, [&]<int N>(int panel) {
      updateOutputs<N>(d, turned, {features.begin + panel * kWidth, features.end}, a, sums);
    });
  }
}

void sparseBackward(const BytesBackward& d) {
  if (d.bias) updateBias(d);
  sparseUpdate(d, d.features, d.scratch);
}

}  // namespace
