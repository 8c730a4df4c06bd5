// The way back of a layer where zeros are left out (sparse.h): gradients of weights, each feature's from the rows in which it is not
// zero, or each output's from those in which its gradient is not.
#pragma once
#include <type_traits>

#include "coming.h"
#include "groups.h"
#include "turned.h"
#include "update.h"

namespace {

inline ByteRows rowsOf(const BytesBackward& d) { return {d.x, d.table}; }
inline FloatRows rowsOf(const DenseBackward& d) { return {d.a, d.lda}; }

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

// The same of features in groups, which need not be turned over.
template <UpdateKind K, int N, int Group>
__attribute__((noinline)) void updateGroups(const LayerUpdate& d, const ByteRows& x, fusor::Range features, const uint64_t* masks,
                                            long words, int panel, Coming& coming) {
  const Rule<K> rule(d.update);
  const ByteRows from = x;
  const long apart = static_cast<long>(kWidth) * d.inputs, lddz = d.lddz;
  const float* dz = d.dz + static_cast<long>(panel) * kWidth;
  const long at = panel * apart + static_cast<long>(features.begin) * kWidth;
  float *w = d.w + at, *slot0 = d.slot0 + at, *slot1 = d.slot1 + at;
  for (int f = features.begin; f < features.end; f += Group) {
    if ((f - features.begin) % 16 == 0) coming.fetchShare();
    V acc[Group][2 * N];
#pragma GCC unroll 4
    for (int i = 0; i < Group; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < 2 * N; ++j) acc[i][j] = set1(0.0f);
    }
    for (long word = 0; word < words; ++word, ++masks) {
      const uint8_t* const* const rows = from.x + 64 * word;
      const float* const gradients = dz + 64 * word * lddz;
      eachBit(*masks, [&](long r) {
        const uint8_t* elements = rows[r] + f;
        const float* row = gradients + r * lddz;
        V gradient[2 * N];
#pragma GCC unroll 8
        for (int j = 0; j < 2 * N; ++j) gradient[j] = load(row + j * W);
#pragma GCC unroll 4
        for (int i = 0; i < Group; ++i) {
          const V v = set1(from.value(elements[i]));
#pragma GCC unroll 8
          for (int j = 0; j < 2 * N; ++j) acc[i][j] = fma(v, gradient[j], acc[i][j]);
        }
      });
    }
#pragma GCC unroll 4
    for (int i = 0; i < Group; ++i, w += kWidth, slot0 += kWidth, slot1 += kWidth) {
      rule.template operator()<2 * N>(acc[i], w, slot0, slot1, [=](int n) { return n / 2 * apart + n % 2 * W; });
    }
  }
}

// Whether that is faster: more rows, of more panels, leave the first-level cache.
inline bool inGroups(const BytesBackward& d) { return d.rows <= 128 || d.panels.size() <= 2; }

template <class Backward>
void updateInGroups(const Backward& d) {
  const ByteRows x = rowsOf(d);
  const fusor::Range grouped{d.features.begin, d.features.end - d.features.size() % kGroup};
  const long words = (d.rows + 63) / 64;
  auto* const masks = reinterpret_cast<uint64_t*>(d.scratch);
  Coming coming(d);
  const auto update = [&]<int Group>(fusor::Range features) {
    withUpdate(d.update.kind, [&]<UpdateKind K>() {
      forPanels<2>(d.panels, [&]<int N>(int panel) { updateGroups<K, N, Group>(d, x, features, masks, words, panel, coming); });
    });
  };
  rowsOfGroups(x, grouped, d.rows, words, masks);
  update.template operator()<kGroup>(grouped);
  for (int f = grouped.end; f < d.features.end; ++f) {
    rowsOfFeature(x, f, d.rows, masks);
    update.template operator()<1>({f, f + 1});
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

// `count` columns of all rows in one piece, as N panels.
template <int N>
inline void inOnePiece(const float* from, long ld, int rows, int count, float* to) {
  for (int r = 0; r < rows; ++r, from += ld, to += N * kWidth) {
    std::memcpy(to, from, count * sizeof(float));
    std::memset(to + count, 0, (N * kWidth - count) * sizeof(float));
  }
}

// The gradients of N panels, each feature's sums over the rows of dz.
template <int N, class X>
inline void updatePanels(const LayerUpdate& d, const Turned<X>& turned, int panel, float* sums) {
  const long apart = static_cast<long>(kWidth) * d.inputs;
  float* const dz = sums + kTogether * kSparsePanels * kWidth;
  inOnePiece<N>(d.dz + static_cast<long>(panel) * kWidth, d.lddz, d.rows, N * kWidth, dz);
  for (int f = 0; f < turned.count; f += kTogether) {
    const int count = fewer(turned.count - f, kTogether);
    addWords<N>(turned, f, count, dz, sums);
    for (int p = 0; p < N; ++p) {
      updateRows(d, (panel + p) * apart + static_cast<long>(turned.first + f) * kWidth, W, sums + p * kTogether * kWidth, 2 * count);
    }
  }
}

template <class Backward>
void sparseUpdate(const Backward& d, fusor::Range features, void* scratch) {
  const auto x = rowsOf(d);
  constexpr bool kBytes = std::is_same_v<decltype(x), const ByteRows>;
  if constexpr (kBytes && kGroup > 1) {
    if (inGroups(d)) return updateInGroups(d);
  }
  const bool few = kBytes && d.rows <= 64;
  const int most = few ? 16 : fewer(fusor::sparseFeatures(d.rows), (features.size() + 15) / 16 * 16);
  Coming coming(d);
  const auto update = [&](const auto& turned, float* sums) {
    if constexpr (kBytes) {
      if (few) {
        return withUpdate(d.update.kind, [&]<UpdateKind K>() {
          forPanels(d.panels, [&]<int N>(int panel) { updateFewRows<K, N>(d, turned, panel); });
        });
      }
    }
    forPanels(d.panels, [&]<int N>(int panel) { updatePanels<N>(d, turned, panel, sums); });
  };
  forTurned(x, features, most, d.rows, scratch, update, [&]() __attribute__((always_inline)) { coming.fetchShare(); });
}

// The gradients of N panels of features from the first on, each output's sums over the rows of a, turned over for the optimiser.
template <int N>
inline void updateOutputs(const DenseBackward& d, const Turned<FloatRows>& turned, fusor::Range features, float* sums) {
  const long apart = static_cast<long>(kWidth) * d.inputs;
  const int count = fewer(features.size(), N * kWidth);
  float* const gradients = sums + kTogether * kSparsePanels * kWidth;
  float* const a = gradients + kSparsePanels * kWidth * kWidth;
  inOnePiece<N>(d.a + features.begin, d.lda, d.rows, count, a);
  for (int f = 0; f < turned.count; f += kTogether) {
    const int outputs = fewer(turned.count - f, kTogether);
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
  // With the padding, which is zero.
  const fusor::Range outputs{d.panels.begin * kWidth, d.panels.end * kWidth};
  const int most = fewer(fusor::sparseFeatures(d.rows), outputs.size());
  const auto update = [&](const Turned<FloatRows>& turned, float* sums) {
    forPanels({0, fusor::panelsOf(features.size(), kWidth)}, [&]<int N>(int panel) {
      updateOutputs<N>(d, turned, {features.begin + panel * kWidth, features.end}, sums);
    });
  };
  forTurned(FloatRows{d.dz, d.lddz}, outputs, most, d.rows, scratch, update, [] {});
}

void sparseBackward(const BytesBackward& d) {
  if (d.bias) updateBias(d);
  sparseUpdate(d, d.features, d.scratch);
}

}  // namespace
