#include "errors.h"

#include <cstdio>
#include <new>

#include "../failure.h"

namespace fusor::addon {
namespace {

struct Told {
  std::string code, message;
};

// libtorch puts a C++ backtrace behind its message.
std::string firstPart(const std::string& what) { return what.substr(0, what.find("\nException raised from")); }

Told told(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Failure& failure) {
    return {failure.code(), failure.what()};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "out of memory · native backend · use a smaller batch or model"};
  } catch (const std::exception& other) {
    return {"ERR_NATIVE", firstPart(other.what())};
  } catch (...) {
    return {"ERR_NATIVE", "an exception of unknown type"};
  }
}

}  // namespace

Napi::Error toError(Napi::Env env, std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (...) {
    const auto [code, message] = told(exception);
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", Napi::String::New(env, code));
    return error;
  }
}

void tell(const char* where, std::exception_ptr exception) noexcept {
  try {
    const auto [code, message] = told(exception);
    std::fprintf(stderr, "fusor: %s: %s · %s\n", code.c_str(), message.c_str(), where);
  } catch (...) {
    std::fprintf(stderr, "fusor: ERR_NATIVE: an error that cannot be told · %s\n", where);
  }
}

}  // namespace fusor::addon
