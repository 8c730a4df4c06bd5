#include "errors.h"

#include <new>
#include <string>

#include "../engine/failure.h"

namespace fusor::addon {
namespace {

Napi::Error make(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

// libtorch puts a C++ backtrace behind its message.
std::string firstPart(const std::string& what) { return what.substr(0, what.find("\nException raised from")); }

}  // namespace

Napi::Error toError(Napi::Env env, std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Failure& failure) {
    return make(env, failure.code(), failure.what());
  } catch (const std::bad_alloc&) {
    return make(env, "ERR_OUT_OF_MEMORY", "out of memory · native backend · use a smaller batch or model");
  } catch (const std::exception& other) {
    return make(env, "ERR_NATIVE", firstPart(other.what()));
  } catch (...) {
    return make(env, "ERR_NATIVE", "an exception of unknown type");
  }
}

}  // namespace fusor::addon
