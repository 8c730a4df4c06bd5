// What the members of a team did and when, for a profile. Where nobody listens a stamp is one test of a pointer.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace fusor {

// As in `Timeline` of src/backend/contract.ts. Kernel: a library's operation, within one of the others.
enum class Phase : uint8_t { Gather, Forward, Loss, Backward, BackwardUpdate, Update, Record, Copy, Wait, Kernel };

inline double microseconds() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A clock that costs a few nanoseconds to read: cycles of the time stamp counter where there is one.
inline uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

struct Stamp {
  uint64_t begin, end;  // ticks of the track
  int32_t step;         // of the span
  int16_t layer;        // index in the plan; -1: none
  int16_t kernel;       // index in Stamps::kernels; -1: none
  Phase phase;
  float density = 1;    // share of its products that are computed: where zeros are left out, not all
};

// What one thread, or one stream of a device, did, by `begin`. Written by that thread alone.
struct alignas(64) Track {
  std::string name;
  std::vector<Stamp> stamps;
  int32_t step = 0;
  double origin = 0, scale = 0;  // microseconds of steady_clock = origin + scale x ticks; a device has a clock of its own
};

// Time that a phase is to take longer: a test plants it, to see a profile find it.
struct Delay {
  Phase phase;
  int layer;
  double microseconds;
};

// Marks a device's stream where the session's thread comes to a phase or an operation.
class Marker {
 public:
  virtual ~Marker() = default;
  virtual void begin(Phase phase, int layer) = 0;
  virtual void end(Phase phase) = 0;
  // Returns what endOperation is to be called with.
  virtual int beginOperation(int kernel) = 0;
  virtual void endOperation(int entry) = 0;
};

class Stamps {
 public:
  std::vector<Track> tracks;         // the session's thread first
  int leading = 0;                   // the track whose time is a step's: a device's, where the session only waits for it
  std::vector<std::string> kernels;  // names
  double launch = 0;                 // microseconds that the smallest piece of work costs, whatever it computes
  double aside = 0;                  // microseconds that finding this out took: no part of the training
  int64_t lost = 0;                  // stamps that found no room
  Delay delay{Phase::Wait, -1, 0};
  Marker* marker = nullptr;          // of a device's stream, where one works

  // Takes all memory here: a stamp must not throw among a team.
  void open(const std::vector<std::string>& names, size_t stampsATrack) {
    tracks.resize(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      tracks[i].name = names[i];
      tracks[i].stamps.reserve(stampsATrack);
    }
    tick_ = ticks();
    began_ = microseconds();
  }

  // After the last stamp: relates the ticks of the processor to time, and has the launch measured.
  template <class F>
  void close(F launchMicroseconds) {
    const uint64_t end = ticks();
    const double now = microseconds();
    const double scale = end > tick_ ? (now - began_) / static_cast<double>(end - tick_) : 0;
    for (Track& track : tracks) {
      if (track.scale != 0) continue;
      track.scale = scale;
      track.origin = began_ - scale * static_cast<double>(tick_);
    }
    launch = launchMicroseconds();
    aside = microseconds() - now;
  }

  // Null where there is no room. Valid as long as the track.
  Stamp* begin(int track, Phase phase, int layer, int kernel = -1) {
    Track& t = tracks[track];
    if (t.stamps.size() == t.stamps.capacity()) {
      if (track == 0) ++lost;
      return nullptr;
    }
    t.stamps.push_back({0, 0, t.step, static_cast<int16_t>(layer), static_cast<int16_t>(kernel), phase});
    Stamp& stamp = t.stamps.back();
    stamp.begin = ticks();
    return &stamp;
  }

  // As long as the delay that was planted here, if any.
  void dawdle(Phase phase, int layer) const {
    if (delay.microseconds == 0 || phase != delay.phase || layer != delay.layer) return;
    for (const double until = microseconds() + delay.microseconds; microseconds() < until;) continue;
  }

 private:
  uint64_t tick_ = 0;
  double began_ = 0;
};

// Stamps its own lifetime. Those within belong to it.
class Timed {
 public:
  Timed(Stamps* stamps, int track, Phase phase, int layer = -1) {
    if (!stamps) return;
    stamp_ = stamps->begin(track, phase, layer);
    marker_ = stamps->marker;
    if (marker_) marker_->begin(phase_ = phase, layer);
    stamps->dawdle(phase, layer);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  void density(double share) const {
    if (stamp_) stamp_->density = static_cast<float>(share);
  }
  ~Timed() {
    if (marker_) marker_->end(phase_);
    if (stamp_) stamp_->end = ticks();
  }

 private:
  Stamp* stamp_ = nullptr;
  Marker* marker_ = nullptr;
  Phase phase_ = Phase::Wait;
};

}  // namespace fusor
