// Memory that finds stray accesses: each array lies in pages of its own between two that cannot be touched,
// and what is left of its pages is filled with a pattern that reads as NaN and whose change is noticed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <csetjmp>

namespace fusor::test {

// Where in its pages an array lies.
enum class Place {
  End,    // its last byte is the last before the forbidden page: finds reads and writes past the end
  Start,  // its first byte is the first after the forbidden page: finds those before the beginning
  Odd,  // at an odd byte address, as a caller's memory may be (4 bytes on under the sanitizers, which forbid
        // it)
};

class Region {
 public:
  Region(size_t bytes, Place place, size_t elementSize);
  Region(Region&& other) noexcept;
  Region& operator=(Region&&) = delete;
  ~Region();
  unsigned char* data() const { return data_; }
  // From now on a write ends as a stray access does.
  void seal();
  // Nothing around the array has changed.
  bool intact() const;

 private:
  unsigned char *base_, *data_;
  size_t mapped_, bytes_;
};

// What no kernel writes by itself: a NaN of ours, so that an element left out is told from one computed as
// NaN.
inline float poison() {
  const uint32_t bits = 0x7fc0dead;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline bool sameBits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

template <class T>
class Guarded {
 public:
  // An input: sealed.
  static Guarded input(const std::vector<T>& values, Place place) {
    Guarded g(values, place);
    g.region_.seal();
    return g;
  }
  // An output, all poison.
  static Guarded output(size_t count, Place place) { return Guarded(std::vector<T>(count, poison()), place); }

  Guarded(const std::vector<T>& values, Place place)
      : region_(values.size() * sizeof(T), place, sizeof(T)), count_(values.size()) {
    if (count_) std::memcpy(region_.data(), values.data(), count_ * sizeof(T));
  }
  T* data() const { return reinterpret_cast<T*>(region_.data()); }
  bool intact() const { return region_.intact(); }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    if (count_) std::memcpy(values.data(), region_.data(), count_ * sizeof(T));
    return values;
  }

 private:
  Region region_;
  size_t count_;
};

// For `survives`: arms the handler, and where a fault jumps back to.
extern thread_local sigjmp_buf faultReturn;
void armFaults(bool armed);

// Runs a kernel call; false where it touched memory that is not its own. The jump skips the kernel's frames,
// which hold nothing with a destructor.
template <class F>
bool survives(F call) {
  if (sigsetjmp(faultReturn, 1) != 0) return false;
  armFaults(true);
  call();
  armFaults(false);
  return true;
}

}  // namespace fusor::test
