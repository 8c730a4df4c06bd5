// How many members of a team to use, by measurement: a small model, or a machine whose other cores are busy, is faster
// with fewer. Results do not depend on the number, so it may change at any step.
#pragma once

namespace fusor {

class Pace {
 public:
  explicit Pace(int most) : most_(most < 1 ? 1 : most), best_(most_), members_(most_) {}

  // Of the next stretch: members, and how many steps to run before the next look at the clock.
  int members() const { return members_; }
  int steps() const;
  void measured(int steps, double seconds);

 private:
  void use(int members);
  int half(bool fewer) const;  // half as many as best_, or twice

  int most_, best_, members_;    // members_ differs from best_ while another number is on trial
  bool settling_ = true;         // the first stretch after a change: sleepers wake, weights move to other caches
  bool down_ = true;             // whether the next trial is of fewer
  double stepSeconds_ = 0;       // last seen, with any number; 0: never
  double bestSeconds_ = 0;       // a step, with best_
  double sinceTrial_ = 0, trialSeconds_ = 0;
  double trialEvery_ = 0.02;     // seconds; doubles while trials bring nothing
};

}  // namespace fusor
