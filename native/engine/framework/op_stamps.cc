#include "op_stamps.h"

#include <ATen/record_function.h>

#include <memory>
#include <unordered_map>

#include "torch.h"

namespace fusor {
namespace {

// Of the calling thread: callbacks carry no data of their own.
thread_local Stamps* listening = nullptr;
// By the name's address, which is the operation's own.
thread_local std::unordered_map<const char*, int> indices;

int indexOf(const char* name) {
  const auto [at, isNew] = indices.try_emplace(name, static_cast<int>(listening->kernels.size()));
  if (isNew) listening->kernels.emplace_back(name);
  return at->second;
}

struct Running : at::ObserverContext {
  Stamp* stamp = nullptr;
  int entry = -1;  // of the marker
};

std::unique_ptr<at::ObserverContext> begun(const at::RecordFunction& function) {
  auto running = std::make_unique<Running>();
  if (listening) {
    const int kernel = indexOf(function.name());
    running->stamp = listening->begin(0, Phase::Kernel, -1, kernel);
    if (listening->marker) running->entry = listening->marker->beginOperation(kernel);
  }
  return running;
}

void ended(const at::RecordFunction&, at::ObserverContext* context) {
  if (!listening) return;
  const Running& running = *static_cast<Running*>(context);
  if (listening->marker) listening->marker->endOperation(running.entry);
  if (running.stamp) running.stamp->end = ticks();
}

}  // namespace

OpStamps::OpStamps(Stamps& stamps) {
  if (stamps.kernels.empty()) indices.clear();
  listening = &stamps;
  handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(begun, ended).scopes({at::RecordScope::FUNCTION}));
}

OpStamps::~OpStamps() {
  at::removeCallback(handle_);
  listening = nullptr;
}

double smallestOpMicroseconds(at::Device device) {
  constexpr int kTimes = 200;
  const at::Tensor one = at::ones({1}, at::TensorOptions().dtype(at::kFloat).device(device));
  static_cast<void>(one.item<float>());  // waits
  const double began = microseconds();
  at::Tensor last;
  for (int i = 0; i < kTimes; ++i) last = at::neg(one);
  static_cast<void>(last.item<float>());
  return (microseconds() - began) / kTimes;
}

}  // namespace fusor
