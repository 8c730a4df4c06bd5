// How many members of a team to use, by measurement: a small model, or a machine whose other cores are busy, is faster
// with fewer. Results do not depend on the number, so it may change at any step.
#pragma once
#include <vector>

namespace fusor {

class Pace {
 public:
  explicit Pace(int most);

  // Of the next stretch: members, and how many steps to measure it over.
  int members() const { return choices_[trial_ >= 0 ? trial_ : best_].members; }
  int steps() const;
  void measured(int steps, double seconds);

 private:
  struct Choice {
    int members;
    double secondsAStep = 0;  // 0: never tried
  };

  std::vector<Choice> choices_;  // most members first
  int best_ = 0;
  int trial_ = 0;            // choice under trial, -1 for none
  int nextTrial_ = 0;        // whose turn it is
  double sinceTrial_ = 0;    // seconds
  double trialEvery_;
};

}  // namespace fusor
