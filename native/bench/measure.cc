#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include "../engine/team.h"
#include "bench.h"

namespace fusor::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kSampleSeconds = 0.002;
// OpenMP's threads go on spinning for some milliseconds after their work; another variant's turn must not share with them. And
// after a sleep a team wakes on one processor, a slow one, and spreads while it runs.
constexpr auto kSettle = std::chrono::milliseconds(10);

double secondsOf(Subject& subject, int calls) {
  const auto start = Clock::now();
  subject.run(calls);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void warmUp(Subject& subject, int calls) {
  std::this_thread::sleep_for(kSettle);
  for (const auto start = Clock::now(); Clock::now() - start < kSettle;) subject.run(calls);
}

struct Contender {
  Measured& measured;
  std::unique_ptr<Subject> subject;
  int calls;
};

void measureAll(const Case& c, std::vector<Measured>& all, const Repetitions& repetitions) {
  const Data data = dataFor(c);
  std::vector<Contender> contenders;
  for (Measured& measured : all) {
    auto checked = subjectFor(measured.variant, c, data, true);
    if (!checked) continue;
    checked->run(1);
    measured.available = true;
    measured.error = errorOf(c, data, checked->results());
    checked.reset();
    auto subject = subjectFor(measured.variant, c, data, false);
    warmUp(*subject, 1);
    const double once = std::min(secondsOf(*subject, 1), secondsOf(*subject, 1));
    const int calls = std::clamp(static_cast<int>(kSampleSeconds / once), 1, 100000);
    contenders.push_back({measured, std::move(subject), calls});
  }
  const auto start = Clock::now();
  const auto isOver = [&](int done) {
    return repetitions.seconds > 0 && done >= kFewest && Clock::now() - start > std::chrono::duration<double>(repetitions.seconds);
  };
  for (int i = -repetitions.warmup; i < repetitions.most && !isOver(i); ++i) {
    for (auto& [measured, subject, calls] : contenders) {
      warmUp(*subject, (calls + 3) / 4);
      const double seconds = secondsOf(*subject, calls) / calls;
      if (i >= 0) measured.seconds.push_back(seconds);
      measured.computed = subject->computed();
    }
  }
}

}  // namespace

std::vector<Measured> measure(const Case& c, const std::vector<std::string>& variants, const Repetitions& repetitions) {
  std::vector<Measured> all(variants.size());
  for (size_t i = 0; i < variants.size(); ++i) all[i].variant = variants[i];
  std::exception_ptr failure;
  // A thread of ours: the trainer's callers flush denormals.
  std::thread([&] {
    flushDenormals();
    try {
      measureAll(c, all, repetitions);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return all;
}

}  // namespace fusor::bench
