// What kernels tell of themselves for a profile.
#pragma once
#include <string>

#include "test/judge.h"

namespace fusor::test {

// folder keeps compiled kernels.
void checkStamps(Report& report, const std::string& folder);

}  // namespace fusor::test
