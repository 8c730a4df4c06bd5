// The one exception of native code. The addon turns it into a JavaScript error with the same code.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace fusor {

class Failure : public std::exception {
 public:
  Failure(std::string code, std::string message) : code_(std::move(code)), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& code() const { return code_; }

 private:
  std::string code_, message_;
};

// How the message of ERR_OUT_OF_MEMORY ends, where a smaller batch may mend it: whoever knows better says so instead.
inline constexpr const char* kSmallerBatch = "use a smaller batch or model, or free memory of the GPU";

// What mends it where the data set takes what there is.
inline constexpr const char* kLessData = "the data set does not fit beside the model: train on less of it (--limit)";

inline Failure withMend(const Failure& failure, const std::string& mend) {
  const std::string message = failure.what();
  return Failure(failure.code(), message.substr(0, message.find(kSmallerBatch)) + mend);
}

}  // namespace fusor
