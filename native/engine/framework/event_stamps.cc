#include "event_stamps.h"

#include <cmath>

#include "../../cuda/driver.h"

namespace fusor {
namespace {

constexpr int kStream = 1;  // the track, behind the session's

}  // namespace

Events::~Events() {
  if (played() || cuda::isLost(torch_->index())) return;
  for (const cuda::Event event : events_) cuda::driver().eventDestroy(event);
}

void Events::restart() {
  torch_->synchronize();
  used_ = 0;
  played_.clear();
  origin_ = microseconds();
  mark();
}

int Events::mark() {
  if (played()) {
    played_.push_back(microseconds());
    return used_++;
  }
  const int index = torch_->index();
  if (static_cast<size_t>(used_) == events_.size()) {
    events_.push_back(nullptr);
    cuda::check(cuda::driver().eventCreate(&events_.back(), 0), index, "making an event");
  }
  cuda::check(cuda::driver().eventRecord(events_[used_], torch_->stream()), index, "recording an event");
  return used_++;
}

std::vector<double> Events::nanoseconds() {
  std::vector<double> all;
  torch_->synchronize();
  for (int i = 0; i < used_; ++i) {
    if (played()) {
      all.push_back(1e3 * (played_[i] - played_[0]));
      continue;
    }
    float milliseconds = 0;
    cuda::check(cuda::driver().eventElapsedTime(&milliseconds, events_[0], events_[i]), torch_->index(), "reading an event");
    all.push_back(1e6 * static_cast<double>(milliseconds));
  }
  return all;
}

EventStamps::EventStamps(Stamps& stamps, Events& events, size_t sessionStamps) : stamps_(stamps), next_(stamps.marker), events_(events) {
  stamps.open({"session", "GPU stream"}, sessionStamps);
  stamps.leading = kStream;
  stamps.marker = this;
  events.restart();
}

void EventStamps::step(int64_t step) {
  step_ = step;
  listens_ = step % kPhasesEvery == 0 || hearsOperations(step);
}

void EventStamps::begin(Phase phase, int layer) {
  if (next_) next_->begin(phase, layer);
  if (!listens_ && phase != Phase::Copy) return;
  const int mark = events_.mark();
  close(mark);
  open_ = static_cast<int>(entries_.size());
  entries_.push_back({phase, layer, -1, step_, mark, -1});
}

void EventStamps::end(Phase phase) {
  if (next_) next_->end(phase);
  if (open_ >= 0 && (phase == Phase::Copy || phase == Phase::Record)) close(events_.mark());  // the last of a step
}

void EventStamps::close(int mark) {
  if (open_ >= 0) entries_[open_].end = mark;
  open_ = -1;
}

int EventStamps::beginOperation(int kernel) {
  if (open_ < 0) return -1;
  entries_.push_back({Phase::Kernel, -1, kernel, step_, events_.mark(), -1});
  return static_cast<int>(entries_.size()) - 1;
}

void EventStamps::endOperation(int entry) {
  if (entry >= 0) entries_[entry].end = events_.mark();
}

void EventStamps::collect() {
  constexpr double kTicks = 16;  // of a nanosecond
  const std::vector<double> at = events_.nanoseconds();
  Track& track = stamps_.tracks[kStream];
  track.scale = 1e-3 / kTicks;
  track.origin = events_.origin();
  const auto ticksAt = [&](int mark) { return static_cast<uint64_t>(std::lround(kTicks * at[mark])); };
  for (const Entry& entry : entries_) {
    if (entry.end < 0) continue;
    track.stamps.push_back({ticksAt(entry.begin), ticksAt(entry.end), static_cast<int32_t>(entry.step),
                            static_cast<int16_t>(entry.layer), static_cast<int16_t>(entry.kernel), entry.phase});
  }
}

}  // namespace fusor
