#include "pace.h"

#include <algorithm>

namespace fusor {
namespace {

constexpr double kStretchSeconds = 5e-3;  // between two looks at the clock
constexpr double kTrialSeconds = 1e-3;    // what trying another number may take
constexpr int kTrialSteps = 16;
constexpr double kTrialEvery = 0.1;       // seconds; doubles while trials bring nothing
constexpr double kTrialAtMost = 1.6;
constexpr double kClearly = 1.1;          // how much faster another number must be

}  // namespace

Pace::Pace(int most) : trialEvery_(kTrialEvery) {
  for (int members = std::max(1, most); members >= 1; members /= 2) choices_.push_back({members});
  if (choices_.size() == 1) trial_ = -1;
}

int Pace::steps() const {
  const double estimate = choices_[trial_ >= 0 ? trial_ : best_].secondsAStep;
  if (estimate <= 0) return kTrialSteps;
  const double budget = trial_ >= 0 ? kTrialSeconds : kStretchSeconds;
  return static_cast<int>(std::clamp(budget / estimate, 4.0, 4096.0));
}

void Pace::measured(int steps, double seconds) {
  if (choices_.size() == 1 || steps == 0) return;
  const int current = trial_ >= 0 ? trial_ : best_;
  double& estimate = choices_[current].secondsAStep;
  const double measurement = seconds / steps;
  // A trial counts as it is: what was known of it is old.
  estimate = trial_ >= 0 || estimate <= 0 ? measurement : 0.5 * (estimate + measurement);

  const int before = best_;
  for (size_t i = 0; i < choices_.size(); ++i) {
    const double other = choices_[i].secondsAStep;
    if (other > 0 && other * kClearly < choices_[best_].secondsAStep) best_ = static_cast<int>(i);
  }
  if (best_ != before) trialEvery_ = kTrialEvery;

  sinceTrial_ += seconds;
  const auto untried = std::find_if(choices_.begin(), choices_.end(), [](const Choice& c) { return c.secondsAStep <= 0; });
  if (untried != choices_.end()) {
    trial_ = static_cast<int>(untried - choices_.begin());
  } else if (sinceTrial_ >= trialEvery_) {
    nextTrial_ = (nextTrial_ + 1) % static_cast<int>(choices_.size());
    if (nextTrial_ == best_) nextTrial_ = (nextTrial_ + 1) % static_cast<int>(choices_.size());
    trial_ = nextTrial_;
    sinceTrial_ = 0;
    trialEvery_ = std::min(2 * trialEvery_, kTrialAtMost);
  } else {
    trial_ = -1;
  }
}

}  // namespace fusor
