#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "guarded.h"
#include "judge.h"

namespace fusor::test {

std::string format(const char* text, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(line, sizeof line, text, arguments);
  va_end(arguments);
  return line;
}

void Judge::near(const char* array, long row, long column, float got, double wanted, double unit,
                 double bound) {
  if (std::isnan(wanted) ? std::isnan(got) : got == wanted) return;
  double s = std::fabs(got - wanted) / unit;
  if (!(s <= 1e30)) s = 1e30;  // NaN, infinity, or a unit of 0
  if (s > score_) score_ = s;
  if (bound > 0 && s / bound > share_) share_ = s / bound;
  if (s > bound) wrong(array, row, column, got, wanted, "s", s);
}

void Judge::within(const char* array, long row, long column, float got, double wanted, double allowed) {
  if (std::isnan(wanted) ? std::isnan(got) : got == wanted) return;
  const double error = std::fabs(got - wanted);
  if (error <= allowed) {
    if (error / allowed > share_) share_ = error / allowed;
    return;
  }
  wrong(array, row, column, got, wanted, "off by", error);
}

void Judge::same(const char* array, long row, long column, float got, float wanted) {
  if (!sameBits(got, wanted))
    wrong(array, row, column, got, wanted, "bits differ, off by", got - static_cast<double>(wanted));
}

void Judge::expect(bool holds, const std::string& otherwise) {
  if (!holds && wrong_++ == 0) first_ = otherwise;
}

void Judge::wrong(const char* array, long row, long column, float got, double wanted, const char* how,
                  double by) {
  if (wrong_++ > 0) return;
  const char* name = sameBits(got, poison()) ? " (never written)" : "";
  first_ = format("%s[%ld, %ld]: got %.9g%s, wanted %.12g, %s %.4g", array, row, column, got, name, wanted,
                  how, by);
}

std::string Judge::failure() const {
  return wrong_ > 1 ? first_ + format("; and %ld more", wrong_ - 1) : first_;
}

void Report::group(const std::string& isa, const std::string& name, const char* unit) {
  close();
  isa_ = isa, name_ = name, unit_ = unit;
  open_ = true;
}

void Report::add(const std::string& caseName, const Judge& judge) {
  if (judge.score() > score_) score_ = judge.score();
  if (judge.share() > share_) share_ = judge.share();
  if (judge.passed()) {
    ++groupPassed_;
    return;
  }
  constexpr long kShown = 5;
  if (groupFailed_++ < kShown)
    failures_.push_back("  FAILED " + isa_ + " · " + name_ + " · " + caseName + " · " + judge.failure());
}

void Report::note(const std::string& text) { notes_.push_back("  " + text); }

void Report::skip(const std::string& reason) {
  close();
  ++skipped_;
  std::printf("skipped: %s\n", reason.c_str());
}

void Report::close() {
  if (!open_) return;
  std::string line = format("%-8s%-34s%6ld passed", isa_.c_str(), name_.c_str(), groupPassed_);
  if (groupFailed_) line += format(", %ld failed", groupFailed_);
  if (score_ > 0) line += format("   worst %s %.3g", unit_.c_str(), score_);
  if (share_ > 0) line += format("   %.0f %% of what is allowed", 100 * share_);
  std::printf("%s\n", line.c_str());
  for (const auto& failure : failures_) std::printf("%s\n", failure.c_str());
  if (groupFailed_ > static_cast<long>(failures_.size()))
    std::printf("  and %ld more\n", groupFailed_ - static_cast<long>(failures_.size()));
  for (const auto& note : notes_) std::printf("%s\n", note.c_str());
  std::fflush(stdout);
  passed_ += groupPassed_, failed_ += groupFailed_;
  groupPassed_ = groupFailed_ = 0;
  score_ = share_ = 0;
  failures_.clear(), notes_.clear();
  open_ = false;
}

int Report::finish() {
  close();
  std::printf("%ld passed, %ld failed, %ld skipped\n", passed_, failed_, skipped_);
  return failed_ ? 1 : 0;
}

}  // namespace fusor::test
