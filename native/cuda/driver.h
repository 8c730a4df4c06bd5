// libcuda, found at run time, and its errors as ours.
#pragma once
#include <string>
#include <vector>

#include "../failure.h"
#include "device.h"
#include "driver_api.h"

namespace fusor::cuda {

// The driver, loaded and initialised once in a process; may hang where the driver does. Throws Failure
// ERR_BACKEND_UNAVAILABLE "reason · where · cure" where it is absent, too old or failing.
const DriverApi& driver();

// What the driver serves, as cuda.h counts: 12040 is CUDA 12.4.
int driverVersion();
std::string versionText(int version);

// No context is made for these.
std::vector<Properties> devicesHere();

// Whether an error stays with the process: all that comes after it means nothing.
bool isSticky(Result result);

// The Failure of what a call on device number `index` gave. Remembers what is sticky.
Failure failureOf(Result result, int index, const std::string& doing);
// Throws failureOf where the result is not success.
void check(Result result, int index, const std::string& doing);

// Whether the device was lost in this process, and why. Asked before every call: a lost device is never touched again.
bool isLost(int index);
void refuseIfLost(int index);

// need, free, total: bytes.
Failure outOfMemory(int index, size_t need, size_t free, size_t total);

}  // namespace fusor::cuda
