// Products that leave out zeros: of bytes that are mostly zero (MNIST: 81 %), and of floats that often are, as relu, dropout
// and one-hot columns leave them. Sums keep the dense kernels' order: k or row ascending, one accumulator an element. So the
// results are the dense ones, bit for bit. Bytes are read where the data set has them; nothing is gathered.
#pragma once
#include <cstring>

#include "kernels.h"
#include "tile.h"

namespace {

using fusor::BytesForward;
using fusor::DenseForward;
using fusor::kSparsePanels;

// What is on the left of a product, row by row: an element, and what it counts as.
struct ByteRows {
  using Element = uint8_t;
  const uint8_t* const* x;
  const float* table;
  const uint8_t* row(int r) const { return x[r]; }
  float value(uint8_t byte) const { return table[byte]; }
};
struct FloatRows {
  using Element = float;
  const float* a;
  long lda;
  const float* row(int r) const { return a + r * lda; }
  float value(float x) const { return x; }
};

inline ByteRows rowsOf(const BytesForward& d) { return {d.x, d.table}; }
inline FloatRows rowsOf(const DenseForward& d) { return {d.a, d.lda}; }

inline int fewer(int a, int b) { return a < b ? a : b; }

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

// f<N>(first panel): some panels at a time, nearly equally many; what finding an element costs is shared by them.
template <int Most = kSparsePanels, class F>
inline void forPanels(fusor::Range panels, F f) {
  for (int p = panels.begin, parts = (panels.size() + Most - 1) / Most; parts > 0; --parts) {
    const int count = (panels.end - p + parts - 1) / parts;
    panelsOf<Most>(count, f, p);
    p += count;
  }
}

inline uint64_t nonZero64(const float* x) {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i += W) bits |= static_cast<uint64_t>(nonZeros(load(x + i))) << i;
  return bits;
}

// Bits of 64 elements each, made before what they lead to: beside it they would wait in the queue of its arithmetic.
template <class E>
inline void masksOf(const E* x, long words, uint64_t* masks) {
  for (long i = 0; i < words; ++i) masks[i] = nonZero64(x + 64 * i);
}

// N panels, so far apart, each by an address of its own: made from the distance, addresses are operations more for each product.
template <int N>
struct PanelRows {
  const char* panel[N];

  inline __attribute__((always_inline)) PanelRows(const float* w, long apart) {
#pragma GCC unroll 4
    for (int p = 0; p < N; ++p) {
      panel[p] = reinterpret_cast<const char*>(w + p * apart);
      asm("" : "+r"(panel[p]));
    }
  }
  // acc += v w, of the k-th row.
  inline __attribute__((always_inline)) void addProducts(V v, long k, V* acc) const {
    long at = k * static_cast<long>(kWidth * sizeof(float));
    asm("" : "+r"(at));
#pragma GCC unroll 8
    for (int j = 0; j < 2 * N; ++j) acc[j] = fma(v, load(reinterpret_cast<const float*>(panel[j / 2] + at) + j % 2 * W), acc[j]);
  }
};

// The set bits of two words, ascending, as if they were one of 128: where a word's bits end nobody can foretell, and what a processor
// begins in vain there takes as long as some products. So from the first to the second without a branch.
class TwoWords {
 public:
  explicit TwoWords(const uint64_t* words)
      : second_(words[1]), count_(__builtin_popcountll(words[0]) + __builtin_popcountll(words[1])) {
    const uint64_t none = -static_cast<uint64_t>(words[0] == 0);
    bits_ = words[0] | (second_ & none), at_ = static_cast<long>(64 & none);
  }

  int count() const { return count_; }
  // Of the next bit; to be asked for no more than count() times.
  inline __attribute__((always_inline)) long next() {
    const long at = __builtin_ctzll(bits_) + at_;
    bits_ &= bits_ - 1;
    const bool done = __builtin_expect_with_probability(bits_ == 0, true, 0.5);
    bits_ = done ? second_ : bits_;
    at_ = done ? 64 : at_;
    return at;
  }

 private:
  uint64_t bits_;
  const uint64_t second_;
  long at_;
  const int count_;
};

// The weights of some words at a time stay in the first-level cache while all the rows go by: a word of one panel, and the cache.
constexpr int kWord = 64 * kWidth * sizeof(float), kCached = 32 << 10;
// Whether two words of N panels do.
template <int N>
constexpr bool kByTwo = 2 * N * kWord <= kCached;

// sums[row] += the products of k from `first` on, of so many words; w: the row of the first, the panels so far apart. A function
// of its own: with all of these in one the registers would not do for addresses, and the compiler would keep some in vectors,
// from where they come back behind the arithmetic.
template <int N, class X>
__attribute__((noinline)) void sparseWords(const X& x, fusor::Range rows, int first, int words, const float* w, long apart,
                                           const uint64_t* masks, long masksARow, float* sums) {
  constexpr int kStep = kByTwo<N> ? 2 : 1;
  const X from = x;
  for (int r = rows.begin; r < rows.end; ++r, masks += masksARow, sums += N * kWidth) {
    const auto* elements = from.row(r) + first;
    const float* block = w;
    V acc[2 * N];
    for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j * W);
    for (int i = 0; i < words; i += kStep, elements += 64 * kStep, block += 64 * kStep * kWidth) {
      const PanelRows<N> panels(block, apart);
      const auto add = [&](long b) { panels.addProducts(set1(from.value(elements[b])), b, acc); };
      if constexpr (kByTwo<N>) {
        TwoWords bits(masks + i);
        for (int left = bits.count(); left > 0; --left) add(bits.next());
      } else {
        eachBit(masks[i], add);
      }
    }
    for (int j = 0; j < 2 * N; ++j) store(sums + j * W, acc[j]);
  }
}

// Whether two rows beside each other are faster, one's products waiting for each other; and have room in registers.
template <int N>
constexpr bool kInPairs = kByTwo<N> && N <= (kTileRows >= 12 ? 2 : 3);

// The same of an even number of rows, two at a time.
template <int N, class X>
__attribute__((noinline)) void sparsePairs(const X& x, fusor::Range rows, int first, int words, const float* w, long apart,
                                           const uint64_t* masks, long masksARow, float* sums) {
  const X from = x;
  for (int r = rows.begin; r < rows.end; r += 2, masks += 2 * masksARow, sums += 2 * N * kWidth) {
    const auto *here = from.row(r) + first, *there = from.row(r + 1) + first;
    const float* block = w;
    V acc[2 * N], other[2 * N];
    for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j * W), other[j] = load(sums + (2 * N + j) * W);
    for (int i = 0; i < words; i += 2, here += 128, there += 128, block += 128 * kWidth) {
      const PanelRows<N> panels(block, apart);
      const auto add = [&](long b) { panels.addProducts(set1(from.value(here[b])), b, acc); };
      const auto addOther = [&](long b) { panels.addProducts(set1(from.value(there[b])), b, other); };
      TwoWords bits(masks + i), otherBits(masks + masksARow + i);
      const int both = fewer(bits.count(), otherBits.count());
      for (int left = both; left > 0; --left) add(bits.next()), addOther(otherBits.next());
      for (int left = bits.count() - both; left > 0; --left) add(bits.next());
      for (int left = otherBits.count() - both; left > 0; --left) addOther(otherBits.next());
    }
    for (int j = 0; j < 2 * N; ++j) store(sums + j * W, acc[j]), store(sums + (2 * N + j) * W, other[j]);
  }
}

// A row's sums, with the products of what is less than a word.
template <int N, class X>
inline void sparseRest(const X& x, int row, int inputs, const float* w, long apart, const float* sums, V* acc) {
  const auto* elements = x.row(row);
  for (int j = 0; j < 2 * N; ++j) acc[j] = load(sums + j * W);
  for (int k = inputs / 64 * 64; k < inputs; ++k) {
    if (elements[k] == 0) continue;
    PanelRows<N>(w, apart).addProducts(set1(x.value(elements[k])), k, acc);
  }
}

// Rows of a product at a time, in memory of this thread's own: the lines of a result beside its columns are another's.
template <class X>
class SparseRows {
 public:
  SparseRows(const X& x, fusor::Range rows, int inputs, uint8_t* scratch)
      : x_(x), rows_(rows), inputs_(inputs), sums_(reinterpret_cast<float*>(scratch)),
        masks_(reinterpret_cast<uint64_t*>(sums_ + rows.size() * kSparsePanels * kWidth)) {
    for (int r = 0; r < rows.size(); ++r) {
      uint64_t* const masks = masks_ + r * masksARow();
      masksOf(x.row(rows.begin + r), words(), masks);
      if (words() % 2) masks[words()] = 0;
    }
  }

  // Floats, which are more often not zero than bytes, leave room for the rows, too.
  static constexpr int kRoomy = (24 << 10) / kWord;
  static constexpr int kPanels = sizeof(typename X::Element) > 1 && kRoomy < kSparsePanels ? kRoomy : kSparsePanels;

  // finish(row, sums): of N panels, so far apart; bias: what the sums begin with, null: 0.
  template <int N, class Finish>
  void times(const float* w, long apart, const float* bias, Finish finish) const {
    constexpr int kWords = kByTwo<N> ? kCached / (2 * N * kWord) * 2 : 1;
    for (int r = 0; r < rows_.size(); ++r) {
      for (int j = 0; j < 2 * N; ++j) store(sums_ + (r * 2 * N + j) * W, bias ? load(bias + j * W) : set1(0.0f));
    }
    for (int i = 0; i < words(); i += kWords) {
      const int count = fewer(words() - i, kWords);
      const float* block = w + static_cast<long>(64 * i) * kWidth;
      const fusor::Range paired{rows_.begin, kInPairs<N> ? rows_.end - rows_.size() % 2 : rows_.begin};
      if constexpr (kInPairs<N>) sparsePairs<N>(x_, paired, 64 * i, count, block, apart, masks_ + i, masksARow(), sums_);
      sparseWords<N>(x_, {paired.end, rows_.end}, 64 * i, count, block, apart, masks_ + i + paired.size() * masksARow(),
                     masksARow(), sums_ + paired.size() * N * kWidth);
    }
    for (int r = 0; r < rows_.size(); ++r) {
      V acc[2 * N];
      sparseRest<N>(x_, rows_.begin + r, inputs_, w, apart, sums_ + r * N * kWidth, acc);
      finish(rows_.begin + r, acc);
    }
  }

 private:
  int words() const { return inputs_ / 64; }
  long masksARow() const { return (words() + 1) / 2 * 2; }

  const X& x_;
  const fusor::Range rows_;
  const int inputs_;
  float* const sums_;
  uint64_t* const masks_;
};

// f(rows): as many rows at a time as have room.
template <class F>
inline void forSparseRows(fusor::Range rows, F f) {
  for (int r = rows.begin; r < rows.end; r += fusor::kSparseRows) {
    f(fusor::Range{r, fewer(r + fusor::kSparseRows, rows.end)});
  }
}

template <class Forward>
void sparseForward(const Forward& d) {
  const auto x = rowsOf(d);
  const long apart = static_cast<long>(kWidth) * d.inputs;
  forSparseRows(d.rows, [&](fusor::Range rows) {
    const SparseRows product(x, rows, d.inputs, d.scratch);
    forPanels<product.kPanels>(d.panels, [&]<int N>(int panel) {
      const long column = static_cast<long>(panel) * kWidth;
      withActivation(d.activation, [&]<Activation A>() {
        product.template times<N>(d.w + panel * apart, apart, d.bias ? d.bias + column : nullptr, [&](int row, const V* sums) {
          for (int j = 0; j < 2 * N; ++j) {
            const long at = row * d.ldy + column + j * W;
            if (d.z) store(d.z + at, sums[j]);
            store(d.y + at, activated<A>(sums[j]));
          }
        });
      });
    });
  });
}

}  // namespace
