// How many cores this process may use.
#pragma once
#include <string>

namespace fusor {

// By its affinity, and by its container's share of the time: more threads than that wait for each other while they are held back.
int availableCores();

// What the control groups, version 1 or 2, of the process leave, rounded up; 0: no limit. root: '' but for tests.
int coresByQuota(const std::string& root);

}  // namespace fusor
