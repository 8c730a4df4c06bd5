// The one exception of the engine. The addon turns it into a JavaScript error with the same code.
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

}  // namespace fusor
