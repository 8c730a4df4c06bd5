// When a device's stream came to what the session asked of it, for a profile: by its events. Where the CPU plays the GPU,
// by the CPU's clock.
#pragma once
#include <vector>

#include "../stamps.h"
#include "torch_place.h"

namespace fusor {

// A mark costs the host about a microsecond: they are made in some steps only.
constexpr int kPhasesEvery = 8, kOpsOnDeviceEvery = 64;

// Events to use again from span to span.
class Events {
 public:
  explicit Events(std::shared_ptr<TorchPlace> torch) : torch_(std::move(torch)) {}
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Waits for the device, and makes the first mark.
  void restart();
  // The stream marks when it comes here. Returns the mark's number.
  int mark();
  // When the stream came to each mark, in nanoseconds since the first; waits for the last.
  std::vector<double> nanoseconds();
  // Microseconds of steady_clock at the first mark.
  double origin() const { return origin_; }

 private:
  bool played() const { return torch_->stream() == nullptr; }

  std::shared_ptr<TorchPlace> torch_;
  std::vector<cuda::Event> events_;
  std::vector<double> played_;  // microseconds
  int used_ = 0;
  double origin_ = 0;
};

// The phases of a span, and its operations, as a track of the device's.
class EventStamps : public Marker {
 public:
  // Opens `stamps`, and is what it calls; calls who was called before.
  EventStamps(Stamps& stamps, Events& events, size_t sessionStamps);
  ~EventStamps() override { stamps_.marker = next_; }

  // Before each step.
  void step(int64_t step);
  static bool hearsOperations(int64_t step) { return step % kOpsOnDeviceEvery == 1; }

  void begin(Phase phase, int layer) override;
  void end(Phase phase) override;
  int beginOperation(int kernel) override;
  void endOperation(int entry) override;

  // Once the span is over.
  void collect();

 private:
  struct Entry {
    Phase phase;
    int layer, kernel;
    int64_t step;
    int begin, end;
  };
  // A phase ends where the next one begins: one mark for both.
  void close(int mark);

  Stamps& stamps_;
  Marker* const next_;
  Events& events_;
  std::vector<Entry> entries_;
  int open_ = -1;
  int64_t step_ = 0;
  bool listens_ = false;
};

}  // namespace fusor
