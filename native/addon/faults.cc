#ifdef FUSOR_FAULTS
#include "faults.h"

#include <c10/util/Exception.h>

#include <climits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "../failure.h"
#include "errors.h"

namespace fusor::addon {
namespace {

std::mutex mutex;
std::string armedPlace, armedKind;

// Volatile: the compiler must neither see through a planted bug nor leave it out.
volatile int one = 1;
int* volatile lost;

void plantOverflow() {
  // Of a length that UBSan does not know either: AddressSanitizer has to see it.
  int* const array = new int[4 * one];
  volatile int* const past = array + 3 + one;
  *past = 1;
  delete[] array;
}

void plantUndefined() {
  volatile int most = INT_MAX;
  most = most + one;
}

void plantLeak() {
  // Several: the address of the last one may lie about, on a stack or in a register.
  for (int i = 0; i < 10; i++) lost = new int[250];
  lost = nullptr;
}

[[noreturn]] void failAs(const std::string& kind) {
  if (kind == "bad_alloc") throw std::bad_alloc();
  if (kind == "c10") TORCH_CHECK(false, "planted c10::Error");
  if (kind == "runtime_error") throw std::runtime_error("planted std::runtime_error");
  if (kind == "exception") throw std::exception();
  if (kind == "failure") throw Failure("ERR_STATE", "planted Failure");
  throw 42;
}

}  // namespace

void faultPoint(const char* place) {
  std::string kind;
  {
    const std::lock_guard lock(mutex);
    if (armedPlace != place) return;
    kind = armedKind;
  }
  if (kind == "overflow") return plantOverflow();
  if (kind == "undefined") return plantUndefined();
  if (kind == "leak") return plantLeak();
  failAs(kind);
}

void defineFault(Napi::Object exports) {
  exports.Set("fault", Napi::Function::New(exports.Env(), [](const Napi::CallbackInfo& info) {
    const std::lock_guard lock(mutex);
    armedPlace = info[0].ToString().Utf8Value();
    armedKind = info[1].ToString().Utf8Value();
  }));
}

}  // namespace fusor::addon
#endif
