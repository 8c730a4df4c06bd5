// The case table: every shape of a Dense layer that is compared, differentiated and timed, and its data.
#pragma once
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "guarded.h"
#include "judge.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/philox.h"

namespace fusor::test {

enum class Numbers {
  Real,     // in (-1, 1)
  Integer,  // -4 … 4: every sum is exact, so the kernels must be
  Sparse,   // four fifths of the inputs are zero
};

struct DenseCase {
  int rows, inputs, outputs;
  Activation activation;  // of this layer on the way forward, of the one before it on the way back
  bool bias;
  Numbers numbers;
  Place place;
  int gap;  // floats between the rows of a batch; -1: none, nor more than half a panel of columns where that will do
  bool timed = false;

  long work() const { return static_cast<long>(rows) * inputs * outputs; }
  std::string name() const;
};

// The engine's own, so never at an odd address.
inline Place placeOfScratch(const DenseCase& c) { return c.place == Place::Odd ? Place::End : c.place; }

inline const char* nameOf(Activation a) {
  constexpr const char* names[] = {"linear", "relu", "sigmoid", "tanh", "elu", "gelu", "softmax", "silu", "selu", "softplus", "leakyRelu"};
  return names[static_cast<int>(a)];
}

inline std::string DenseCase::name() const {
  constexpr const char* numberNames[] = {"real", "integer", "sparse"};
  constexpr const char* placeNames[] = {"end", "start", "odd"};
  return format("%dx%dx%d %s%s, %s, at %s, gap %d", rows, inputs, outputs, nameOf(activation),
                bias ? "" : " without bias", numberNames[static_cast<int>(numbers)],
                placeNames[static_cast<int>(place)], gap);
}

// Around every edge that a kernel can have: of a vector, of a panel, of a power of two, and of MNIST.
inline std::set<int> sizes(int lanes) {
  std::set<int> all{1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257, 784, 785, 1000};
  for (int size : {lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1}) all.insert(size);
  return all;
}

// Each pair of sizes for each two of {rows, inputs, outputs}, up to a product; the third is small and mostly
// odd. The rest of a case goes round, so that every size meets every activation, place and kind of number.
inline std::vector<DenseCase> denseCases(int lanes) {
  constexpr long kMostPairs = 32768;
  const std::set<int> all = sizes(lanes);
  const int small[] = {1, 3, 5, 2 * lanes - 1, 7, 2 * lanes + 1, 2, 4 * lanes + 3};
  constexpr Place places[] = {Place::End, Place::Start, Place::End, Place::Odd};
  constexpr int gaps[] = {0, 1, 0, 3, 16};
  std::vector<DenseCase> cases;
  for (int free = 0; free < 3; ++free) {
    for (int p : all) {
      for (int q : all) {
        if (static_cast<long>(p) * q > kMostPairs) continue;
        const size_t i = cases.size();
        const int other = small[i % std::size(small)];
        DenseCase c{free == 0 ? other : p,
                    free == 1   ? other
                    : free == 0 ? p
                                : q,
                    free == 2 ? other : q,
                    static_cast<Activation>(i % 6),
                    i % 7 != 3,
                    i % 5 == 4 ? Numbers::Sparse : Numbers::Real,
                    places[i / 2 % std::size(places)],
                    gaps[i % std::size(gaps)]};
        cases.push_back(c);
        c.numbers = Numbers::Integer;
        c.activation = i % 2 ? Activation::Relu : Activation::Linear;
        cases.push_back(c);
      }
    }
  }
  // More rows, and features, than zeros are left out of at a time.
  cases.push_back({261, 70, 67, Activation::Gelu, true, Numbers::Sparse, Place::End, 1});
  cases.push_back({1030, 1100, 35, Activation::Relu, true, Numbers::Sparse, Place::Start, 0});
  // Where dz and a are copied, and a in two blocks.
  cases.push_back({129, 1027, 1025, Activation::Relu, true, Numbers::Real, Place::End, 1});
  for (auto [rows, inputs, outputs] :
       {std::array{32, 784, 128}, std::array{128, 784, 128}, std::array{256, 1024, 1024}}) {
    cases.push_back({rows, inputs, outputs, Activation::Relu, true, Numbers::Real, Place::Start, 0, true});
  }
  return cases;
}

// Rows of half a panel, before, behind, or on both sides of a layer, of few outputs and of many.
inline std::vector<DenseCase> halfCases(int lanes) {
  std::vector<DenseCase> cases;
  for (int rows : {1, 5, 33, 300}) {
    for (int inputs : {1, lanes - 1, lanes, lanes + 1, 9 * lanes + 3}) {
      for (int outputs : {1, 2, lanes / 4, lanes / 4 + 1, lanes - 1, lanes, 2 * lanes + 1}) {
        if (outputs < 1) continue;
        const size_t i = cases.size();
        cases.push_back({rows, inputs, outputs, static_cast<Activation>(i % 6), i % 7 != 3, Numbers::Real,
                         i % 2 ? Place::End : Place::Start, -1});
      }
    }
  }
  return cases;
}

// Numbers from a key: the same on every machine.
class Random {
 public:
  explicit Random(uint64_t key) : key_(key) {}
  // In (-1, 1), never 0.
  double next() {
    if (at_ == 4) {
      const uint32_t counter[4] = {static_cast<uint32_t>(block_++), 0, 0, 0};
      philox(counter, key_, bits_);
      at_ = 0;
    }
    return (bits_[at_++] + 0.5) / 2147483648.0 - 1.0;
  }
  std::vector<float> matrix(long count, Numbers numbers = Numbers::Real) {
    std::vector<float> values(count);
    for (float& value : values) {
      const double x = next();
      value = static_cast<float>(numbers == Numbers::Integer ? static_cast<int>(x * 5) : x);
      if (numbers == Numbers::Sparse && next() < 0.6) value = 0;
    }
    return values;
  }

 private:
  uint64_t key_;
  uint32_t bits_[4];
  int at_ = 4;
  long block_ = 0;
};

// The logical matrices of a case, row-major and dense.
struct DenseData {
  std::vector<float> a, w, bias, dz, z;
  explicit DenseData(const DenseCase& c, uint64_t key = 7) {
    Random random(key);
    a = random.matrix(static_cast<long>(c.rows) * c.inputs, c.numbers);
    const Numbers dense = c.numbers == Numbers::Integer ? Numbers::Integer : Numbers::Real;
    w = random.matrix(static_cast<long>(c.inputs) * c.outputs, dense);
    bias = random.matrix(c.outputs, dense);
    dz = random.matrix(static_cast<long>(c.rows) * c.outputs, dense);
    z = random.matrix(static_cast<long>(c.rows) * c.inputs, dense);
  }
};

}  // namespace fusor::test
