// The one way from a C++ exception to a JavaScript error.
#pragma once
#include <napi.h>

#include <exception>
#include <string>

namespace fusor::addon {

// An Error with `code`: a Failure's own, ERR_OUT_OF_MEMORY for bad_alloc, ERR_NATIVE for everything else.
Napi::Error toError(Napi::Env env, std::exception_ptr exception);
// The same as one line on stderr.
void tell(const char* where, std::exception_ptr exception) noexcept;

// Every entry from JavaScript goes through here: an exception other than Napi::Error that left it would abort Node.
template <class F>
auto guarded(Napi::Env env, F f) -> decltype(f()) {
  try {
    return f();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toError(env, std::current_exception());
  }
}

// For finalizers, cleanup hooks and threads, where no JavaScript waits for an error.
template <class F>
void contained(const char* where, F f) noexcept {
  try {
    f();
  } catch (...) {
    tell(where, std::current_exception());
  }
}

}  // namespace fusor::addon
