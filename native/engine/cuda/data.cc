#include "data.h"

#include "../../kernels/cuda/params.h"
#include "../../failure.h"

namespace fusor {

void CudaRows::place(cuda::Control& c) const {
  const auto pointer = [](cuda::Address at) { return reinterpret_cast<void*>(at); };
  c.x = pointer(x);
  c.labels = static_cast<const int*>(pointer(labels));
  c.values = static_cast<const float*>(pointer(values));
  c.weights = static_cast<const float*>(pointer(weights));
}

CudaData::Entry& CudaData::entryOf(const Dataset& data) {
  entries_.remove_if([](const Entry& entry) { return entry.life.expired(); });
  for (Entry& entry : entries_) {
    if (entry.life.lock() == data.life) return entry;
  }
  Entry entry{data.life, {}, {}, 0};
  const auto copy = [&](const auto& values) -> cuda::Address {
    const size_t bytes = values.size() * sizeof(values[0]);
    if (bytes == 0) return 0;
    entry.memory.push_back(device_.allocate(bytes));
    device_.upload(entry.memory.back()->address(), values.data(), bytes);
    return entry.memory.back()->address();
  };
  entry.rows.bytes = data.floats.empty();
  try {
    entry.rows.x = entry.rows.bytes ? copy(data.bytes) : copy(data.floats);
    entry.rows.labels = copy(data.labels);
    entry.rows.values = copy(data.values);
    entry.rows.weights = copy(data.weights);
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
    throw withMend(failure, kLessData);
  }
  entries_.push_back(std::move(entry));
  return entries_.back();
}

cuda::Address CudaData::pieces(const Dataset& data, int width, int tiles, int parts) {
  Entry& entry = entryOf(data);
  if (entry.pieces) return entry.pieces;
  std::unique_ptr<cuda::Memory> memory;
  try {
    memory = device_.allocate(static_cast<size_t>(data.rows) * parts * tiles * 16 * sizeof(uint16_t));
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
    return 0;
  }
  const cuda::Address to = memory->address();
  const auto pointer = [](cuda::Address at) { return reinterpret_cast<void*>(at); };
  const cuda::PiecesParams p{pointer(entry.rows.x), static_cast<unsigned short*>(pointer(to)), data.rows, width, tiles, parts};
  constexpr int kThreads = 256;
  const int blocks = static_cast<int>((data.rows * tiles + kThreads - 1) / kThreads);
  const cuda::Kernel* kernel = device_.compile({"pieces.cu", "pieces", {{"INPUT", entry.rows.bytes ? "kBytes" : "kFloats"}}});
  device_.launch(cuda::launchOf(kernel, blocks, 1, kThreads, 0, p));
  entry.memory.push_back(std::move(memory));
  return entry.pieces = to;
}

}  // namespace fusor
