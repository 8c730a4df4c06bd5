#include "data.h"

#include <cstring>

#include "../../kernels/cuda/params.h"
#include "../../failure.h"

namespace fusor {

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
  entry.rows.x = entry.rows.bytes ? copy(data.bytes) : copy(data.floats);
  entry.rows.labels = copy(data.labels);
  entry.rows.values = copy(data.values);
  entry.rows.weights = copy(data.weights);
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
  const auto blocks = static_cast<uint32_t>((data.rows * tiles + kThreads - 1) / kThreads);
  cuda::Launch launch{device_.compile({"pieces.cu", "pieces", {{"INPUT", entry.rows.bytes ? "kBytes" : "kFloats"}}}), {blocks, 1, 1},
                      {kThreads, 1, 1}, 1, 0, std::vector<std::byte>(sizeof p)};
  std::memcpy(launch.parameters.data(), &p, sizeof p);
  device_.launch(launch);
  entry.memory.push_back(std::move(memory));
  return entry.pieces = to;
}

}  // namespace fusor
