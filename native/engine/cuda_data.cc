#include "cuda_data.h"

namespace fusor {

const CudaRows& CudaData::on(const Dataset& data) {
  entries_.remove_if([](const Entry& entry) { return entry.life.expired(); });
  for (const Entry& entry : entries_) {
    if (entry.life.lock() == data.life) return entry.rows;
  }
  Entry entry{data.life, {}, {}};
  const auto copy = [&](const auto& values) -> cuda::Address {
    const size_t bytes = values.size() * sizeof(values[0]);
    if (bytes == 0) return 0;
    entry.memory.push_back(device_.allocate(bytes));
    device_.upload(entry.memory.back()->address(), values.data(), bytes);
    return entry.memory.back()->address();
  };
  entry.rows.bytes = data.floats.empty();
  entry.rows.x = entry.rows.bytes ? copy(data.bytes) : copy(data.floats);
  entry.rows.labels = copy(data.labels);
  entry.rows.values = copy(data.values);
  entry.rows.weights = copy(data.weights);
  entries_.push_back(std::move(entry));
  return entries_.back().rows;
}

}  // namespace fusor
