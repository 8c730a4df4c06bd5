#include "pace.h"

#include <algorithm>

namespace fusor {
namespace {

constexpr double kStretch = 5e-3;    // seconds between two looks at the clock
constexpr double kSettling = 1e-3;   // not counted
constexpr double kTrial = 2e-3;
constexpr double kTrialEvery = 0.1, kTrialAtMost = 1.6;
constexpr double kTrialShare = 0.02;  // of the time, at most: a trial of slow steps is dear
constexpr double kClearly = 1.1;      // how much faster another number must be

}  // namespace

int Pace::steps() const {
  if (stepSeconds_ <= 0) return 2;
  const double budget = settling_ ? kSettling : members_ != best_ ? kTrial : kStretch;
  return static_cast<int>(std::clamp(budget / stepSeconds_, settling_ ? 1.0 : 2.0, 4096.0));
}

void Pace::measured(int steps, double seconds) {
  if (most_ == 1 || steps == 0) return;
  stepSeconds_ = seconds / steps;
  const bool trial = members_ != best_;
  (trial ? trialSeconds_ : sinceTrial_) += seconds;
  if (settling_) {
    settling_ = false;
    return;
  }
  if (!trial) {
    bestSeconds_ = bestSeconds_ > 0 ? 0.5 * (bestSeconds_ + stepSeconds_) : stepSeconds_;
    if (sinceTrial_ < std::max(trialEvery_, trialSeconds_ / kTrialShare)) return;
    sinceTrial_ = trialSeconds_ = 0;
    trialEvery_ = std::clamp(2 * trialEvery_, kTrialEvery, kTrialAtMost);
    const int other = half(down_);
    down_ = !down_;
    use(other != best_ ? other : half(down_));  // there is always one of the two
    return;
  }
  if (stepSeconds_ * kClearly >= bestSeconds_) return use(best_);
  // A better one: on the same way at once, for it may be far. What is spent until one is not better is not lost.
  const bool fewer = members_ < best_;
  best_ = members_;
  bestSeconds_ = stepSeconds_;
  sinceTrial_ = trialSeconds_ = 0;
  trialEvery_ = kTrialEvery;
  if (half(fewer) != best_) use(half(fewer));
}

int Pace::half(bool fewer) const { return fewer ? std::max(1, best_ / 2) : std::min(most_, best_ * 2); }

void Pace::use(int members) {
  members_ = members;
  settling_ = true;
}

}  // namespace fusor
