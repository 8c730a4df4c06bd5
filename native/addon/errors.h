// The one way from a C++ exception to a JavaScript error.
#pragma once
#include <napi.h>

#include <exception>

namespace fusor::addon {

// An Error with `code`: a Failure's own, ERR_OUT_OF_MEMORY for bad_alloc, ERR_NATIVE for everything else.
Napi::Error toError(Napi::Env env, std::exception_ptr exception);

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

}  // namespace fusor::addon
