// The test framework: a Judge weighs one case element by element, a Report counts cases and prints a line a
// group.
#pragma once
#include <string>
#include <vector>

namespace fusor::test {

class Judge {
 public:
  // |got - wanted| <= bound x unit. The quotient is the score s of the kernel gate; equal values, two NaNs
  // among them, score 0.
  void near(const char* array, long row, long column, float got, double wanted, double unit, double bound);
  // The same without a score: for what follows the linear part.
  void within(const char* array, long row, long column, float got, double wanted, double allowed);
  // Bit for bit.
  void same(const char* array, long row, long column, float got, float wanted);
  void zero(const char* array, long row, long column, float got) { within(array, row, column, got, 0, 0); }
  void expect(bool holds, const std::string& otherwise);

  bool passed() const { return wrong_ == 0; }
  double score() const { return score_; }  // worst s
  double share() const { return share_; }  // worst error as a share of what is allowed
  std::string failure() const;

 private:
  void wrong(const char* array, long row, long column, float got, double wanted, const char* how, double by);
  double score_ = 0, share_ = 0;
  long wrong_ = 0;
  std::string first_;
};

class Report {
 public:
  // Opens a group of cases; its line is printed when the next one opens, or at the end.
  void group(const std::string& isa, const std::string& name, const char* unit = "s");
  void add(const std::string& caseName, const Judge& judge);
  void note(const std::string& text);  // printed after the group's line
  void skip(const std::string& reason);
  // Prints the totals, the last line, and gives the exit status.
  int finish();

 private:
  void close();
  std::string isa_, name_, unit_;
  std::vector<std::string> failures_, notes_;
  long groupPassed_ = 0, groupFailed_ = 0;
  double score_ = 0, share_ = 0;
  long passed_ = 0, failed_ = 0, skipped_ = 0;
  bool open_ = false;
};

// printf into a string.
std::string format(const char* text, ...) __attribute__((format(printf, 1, 2)));

}  // namespace fusor::test
