// Places where the test build (FUSOR_FAULTS) throws, on order, whatever C++ can throw, or plants a bug that a sanitizer
// has to find. In what ships there is nothing of it.
#pragma once
#include <napi.h>

namespace fusor::addon {

#ifdef FUSOR_FAULTS
void faultPoint(const char* place);
// fault(place, kind): from now on every passage of `place` goes wrong that way; fault('', '') ends it.
void defineFault(Napi::Object exports);
#else
inline void faultPoint(const char*) {}
inline void defineFault(const Napi::Object&) {}
#endif

}  // namespace fusor::addon
