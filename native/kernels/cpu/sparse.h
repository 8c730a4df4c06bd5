// The first Dense layer on bytes that are mostly zero (MNIST: 81 %). Zeros are skipped, sums keep the dense kernels'
// order: k or row ascending, one accumulator an element. So the results are the dense ones, bit for bit. The bytes are
// read where the data set has them; nothing is gathered.
#pragma once
#include <cstring>

#include "kernels.h"
#include "tile.h"
#include "update.h"

namespace {

using fusor::BytesBackward;
using fusor::BytesForward;
using fusor::kSparsePanels;

// Calls f(i) for every set bit, ascending.
template <class F>
inline void eachBit(uint64_t bits, F f) {
  for (; bits; bits &= bits - 1) f(__builtin_ctzll(bits));
}

template <int N, class F>
inline void panelsOf(int panels, F& f, int at) {
  if constexpr (N > 1) {
    if (panels < N) return panelsOf<N - 1>(panels, f, at);
  }
  f.template operator()<N>(at);
}

// f<N>(first panel): as many panels at a time as have room in registers; what finding a byte costs is shared by them.
template <class F>
inline void forPanels(fusor::Range panels, F f) {
  for (int p = panels.begin; p < panels.end; p += kSparsePanels) panelsOf<kSparsePanels>(panels.end - p, f, p);
}

// Bits of 64 bytes each, made before what they lead to: beside it they would wait in the queue of its arithmetic.
inline void masksOf(const uint8_t* bytes, long words, uint64_t* masks) {
  for (long i = 0; i < words; ++i) masks[i] = nonZero64(bytes + 64 * i);
}

// sums[row] += the products of the features from `first` on, of so many words. A function of its own: with all of these in one the
// registers would not do for addresses, and the compiler would keep some in vectors, from where they come back behind the arithmetic.
template <int N>
__attribute__((noinline)) void sparseForwardWords(const BytesForward& d, int panel, fusor::Range rows, int first, int words,
                                                  const uint64_t* masks, long apart, float* sums) {
  const long stride = static_cast<long>(kWidth) * d.inputs;
  const float *w = d.w + panel * stride + static_cast<long>(first) * kWidth, *table = d.table;
  for (int r = rows.begin; r < rows.end; ++r, masks += apart, sums += N * kWidth) {
    const uint8_t* x = d.x[r] + first;
    V acc[2 * N];
    for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j * W);
    for (int i = 0; i < words; ++i) {
      const uint8_t* bytes = x + 64 * i;
      const float* block = w + static_cast<long>(64 * i) * kWidth;
      eachBit(masks[i], [&](long b) {
        const V v = set1(table[bytes[b]]);
        const float* from = block + b * kWidth;
#pragma GCC unroll 8
        for (int j = 0; j < 2 * N; ++j) acc[j] = fma(v, load(from + j / 2 * stride + j % 2 * W), acc[j]);
      });
    }
    for (int j = 0; j < 2 * N; ++j) store(sums + j * W, acc[j]);
  }
}

// What is less than a word, and the activation.
template <Activation A, int N>
inline void sparseForwardRest(const BytesForward& d, int panel, int row, const float* sums) {
  const long stride = static_cast<long>(kWidth) * d.inputs, column = static_cast<long>(panel) * kWidth;
  const uint8_t* x = d.x[row];
  V acc[2 * N];
  for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j * W);
  for (int k = d.inputs / 64 * 64; k < d.inputs; ++k) {
    if (!x[k]) continue;
    const V v = set1(d.table[x[k]]);
    const float* from = d.w + panel * stride + static_cast<long>(k) * kWidth;
    for (int j = 0; j < 2 * N; ++j) acc[j] = fma(v, load(from + j / 2 * stride + j % 2 * W), acc[j]);
  }
  for (int j = 0; j < 2 * N; ++j) {
    const long at = row * d.ldy + column + j * W;
    if (d.z) store(d.z + at, acc[j]);
    store(d.y + at, activated<A>(acc[j]));
  }
}

void sparseForward(const BytesForward& d) {
  constexpr int kRows = fusor::kSparseRows;
  const int words = d.inputs / 64;
  // In memory of this thread's own: the lines beside its columns of y are another's.
  float* const sums = reinterpret_cast<float*>(d.scratch);
  auto* const masks = reinterpret_cast<uint64_t*>(sums + kRows * kSparsePanels * kWidth);
  forPanels(d.panels, [&]<int N>(int panel) {
    // The weights of some words at a time: they stay in the first-level cache while all the rows go by.
    constexpr int kWords = N == 1 ? 4 : 2;
    for (int begin = d.rows.begin; begin < d.rows.end; begin += kRows) {
      const fusor::Range rows{begin, begin + kRows < d.rows.end ? begin + kRows : d.rows.end};
      for (int r = 0; r < rows.size(); ++r) {
        masksOf(d.x[begin + r], words, masks + r * words);
        for (int j = 0; j < 2 * N; ++j) {
          store(sums + (r * 2 * N + j) * W, d.bias ? load(d.bias + static_cast<long>(panel) * kWidth + j * W) : set1(0.0f));
        }
      }
      for (int i = 0; i < words; i += kWords) {
        sparseForwardWords<N>(d, panel, rows, 64 * i, words - i < kWords ? words - i : kWords, masks + i, words, sums);
      }
      withActivation(d.activation, [&]<Activation A>() {
        for (int r = 0; r < rows.size(); ++r) sparseForwardRest<A, N>(d, panel, begin + r, sums + r * N * kWidth);
      });
    }
  });
}

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

// 16 features of 16 rows turned over: to[f * stride + r] = rows[r][f]. Four rounds of interleaving the two halves.
inline void transpose16(const uint8_t* const* rows, int feature, uint8_t* to, long stride) {
  Bytes16 a[16], b[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&a[i], rows[i] + feature, 16);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::memcpy(a, b, sizeof a);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * stride, &a[i], 16);
}

// Features [first, first + count) of all rows, turned over: scratch[f][padded rows].
inline void transposeGroup(const BytesBackward& d, int first, int count, long padded) {
  int r = 0;
  if (count == 16) {
    for (; r + 16 <= d.rows; r += 16) transpose16(d.x + r, first, d.scratch + r, padded);
  }
  for (; r < d.rows; ++r) {
    for (int f = 0; f < count; ++f) d.scratch[f * padded + r] = d.x[r][first + f];
  }
}

// Features that go together where there are registers for both: each vector is loaded once for them. Where only one has a byte, the
// other adds a product with zero.
constexpr int kTogether = kTileRows < 12 ? 1 : 2;

// The rows that the next call will read: a share of them at each of the groups of 16 features.
class Coming {
 public:
  explicit Coming(const BytesBackward& d)
      : row_(d.coming), end_(d.coming + d.comingRows), lines_((d.inputs + 63) / 64) {
    const long groups = (d.features.size() + 15) / 16;
    share_ = groups ? (lines_ * d.comingRows + groups - 1) / groups : 0;
  }

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
  long line_ = 0, share_;
};

// Up to 16 features, turned over.
struct Group {
  int first, count;
  long words;             // of 64 rows
  const uint8_t* x;       // [count][64 words]
  const uint64_t* masks;  // [count][words]
};

// A group's features from `f` on, F at a time while there are F; returns how many of the group are done. A function of its own: with
// all of these in one the registers would not do for addresses, and the compiler would keep some in vectors, from where they come
// back behind the arithmetic.
template <UpdateKind K, int N, int F, bool OneWord = false>
__attribute__((noinline)) int sparseBackwardGroup(const BytesBackward& d, const Group& group, int panel, int f) {
  const Rule<K> rule(d.update);
  const long stride = static_cast<long>(kWidth) * d.inputs, lddz = d.lddz, words = OneWord ? 1 : group.words;
  const float *dz = d.dz + static_cast<long>(panel) * kWidth, *table = d.table;
  const uint8_t* x = group.x + 64 * words * f;
  const uint64_t* masks = group.masks + words * f;
  const long at = panel * stride + static_cast<long>(group.first + f) * kWidth;
  float *w = d.w + at, *slot0 = d.slot0 + at, *slot1 = d.slot1 + at;
  const int count = group.count;
  for (; f + F <= count; f += F, x += F * 64 * words, masks += F * words) {
    V acc[F][2 * N];
    for (int i = 0; i < F; ++i) {
      for (int j = 0; j < 2 * N; ++j) acc[i][j] = set1(0.0f);
    }
    for (long word = 0; word < words; ++word) {
      uint64_t bits = masks[word];
      if constexpr (F > 1) bits |= masks[words + word];
      const uint8_t* const bytes = x + 64 * word;
      const float* const rows = dz + 64 * word * lddz;
      eachBit(bits, [&](long r) {
        V v[F];
        for (int i = 0; i < F; ++i) v[i] = set1(table[bytes[64 * words * i + r]]);
        const float* from = rows + r * lddz;
#pragma GCC unroll 8
        for (int j = 0; j < 2 * N; ++j) {
          const V gradient = load(from + j * W);
#pragma GCC unroll 2
          for (int i = 0; i < F; ++i) acc[i][j] = fma(v[i], gradient, acc[i][j]);
        }
      });
    }
    for (int i = 0; i < F; ++i, w += kWidth, slot0 += kWidth, slot1 += kWidth) {
      // All in step where there are 32 registers, else half of them.
      constexpr int kInStep = kTileRows < 12 && N % 2 == 0 ? N : 2 * N;
      for (int j = 0; j < 2 * N; j += kInStep) {
        rule.template operator()<kInStep>(acc[i] + j, w, slot0, slot1, [=](int n) { return (j + n) / 2 * stride + (j + n) % 2 * W; });
      }
    }
  }
  return f;
}

void sparseBackward(const BytesBackward& d) {
  if (d.bias) updateBias(d);
  const long padded = (d.rows + 63) / 64 * 64;
  // Zeros behind the last row, where no group writes.
  for (int f = 0; f < 16; ++f) std::memset(d.scratch + f * padded + d.rows, 0, padded - d.rows);
  Coming coming(d);
  withUpdate(d.update.kind, [&]<UpdateKind K>() {
    for (int first = d.features.begin; first < d.features.end; first += 16) {
      const int count = d.features.end - first < 16 ? d.features.end - first : 16;
      transposeGroup(d, first, count, padded);
      coming.fetchShare();
      auto* const masks = reinterpret_cast<uint64_t*>(d.scratch + 16 * padded);
      masksOf(d.scratch, count * padded / 64, masks);
      const Group group{first, count, padded / 64, d.scratch, masks};
      forPanels(d.panels, [&]<int N>(int panel) {
        // More features at a time pay where each has many rows.
        if (d.rows <= 64) {
          sparseBackwardGroup<K, N, 1, true>(d, group, panel, 0);
        } else {
          const int done = sparseBackwardGroup<K, N, kTogether>(d, group, panel, 0);
          if (done < count) sparseBackwardGroup<K, N, 1>(d, group, panel, done);
        }
      });
    }
  });
}

}  // namespace
