#include <cmath>

#include "../kernels/cpu/philox.h"
#include "bench.h"

namespace fusor::bench {
namespace {

// Numbers of our one generator.
class Random {
 public:
  uint32_t next() {
    if (at_ == 4) {
      const uint32_t counter[4] = {static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0};
      philox(counter, 1, numbers_);
      ++block_, at_ = 0;
    }
    return numbers_[at_++];
  }
  // In (-limit, limit).
  float real(double limit) { return static_cast<float>((next() + 0.5) * 0x1p-31 * limit - limit); }
  std::vector<float> reals(size_t count, double limit) {
    std::vector<float> values(count);
    for (float& value : values) value = real(limit);
    return values;
  }

 private:
  uint64_t block_ = 0;
  uint32_t numbers_[4];
  int at_ = 4;
};

}  // namespace

Data dataFor(const Case& c) {
  constexpr size_t kRows = 4096;  // that a gather chooses from
  const size_t batch = c.batch, inputs = c.inputs, units = c.units;
  const bool sparse = c.op == Op::SparseForward || c.op == Op::SparseUpdate;
  Random random;
  Data data;
  if (c.op == Op::SoftmaxCrossentropy) {
    data.dy = random.reals(batch * units, 4);
    for (int r = 0; r < c.batch; ++r) data.labels.push_back(static_cast<int32_t>(random.next() % units));
    return data;
  }
  if (c.op == Op::Gather || sparse) {
    data.bytes.resize((sparse ? batch : kRows) * inputs);
    const double density = sparse ? c.density : 1;
    for (uint8_t& byte : data.bytes) {
      const uint32_t number = random.next();
      byte = (number >> 8) * 0x1p-24 < density ? 1 + (number & 0xff) % 255 : 0;
    }
  }
  if (c.op == Op::Gather) {
    for (size_t r = 0; r < batch; ++r) data.order.push_back(random.next() % kRows);
    return data;
  }
  if (sparse) {
    for (const uint8_t byte : data.bytes) data.x.push_back(static_cast<float>(byte) * kByteScale);
  } else {
    data.x = random.reals((c.op == Op::OptimizerStep ? 1 : batch) * inputs, 1);
    for (float& x : data.x) {
      if (c.density < 1 && (random.next() >> 8) * 0x1p-24 >= c.density) x = 0;
    }
  }
  data.w = random.reals(inputs * units, std::sqrt(6.0 / static_cast<double>(inputs + units)));
  data.b = random.reals(units, 0.1);
  data.dy = random.reals((c.op == Op::OptimizerStep ? 1 : batch) * units, 1.0 / static_cast<double>(batch));
  return data;
}

}  // namespace fusor::bench
