#include "cores.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace fusor {
namespace {

// The cores of one group, or infinity. Its files hold "200000 100000" or "max 100000" (cpu.max), or one number each.
double coresOf(const std::string& folder) {
  constexpr double kAll = std::numeric_limits<double>::infinity();
  double quota = 0, period = 0;
  const bool second = static_cast<bool>(std::ifstream(folder + "/cpu.max") >> quota >> period);
  const bool first = !second && std::ifstream(folder + "/cpu.cfs_quota_us") >> quota && std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  return (second || first) && quota > 0 && period > 0 ? quota / period : kAll;
}

// Of a group and all above it: each has a limit of its own. In a container the mount begins with its own group.
double coresUpFrom(const std::string& mount, std::string group) {
  double least = coresOf(mount);
  for (; group.size() > 1; group.resize(group.rfind('/'))) least = std::min(least, coresOf(mount + group));
  return least;
}

}  // namespace

int coresByQuota(const std::string& root) {
  double least = std::numeric_limits<double>::infinity();
  std::ifstream groups(root + "/proc/self/cgroup");
  // '0::/group' of version 2, '4:cpu,cpuacct:/group' of version 1.
  for (std::string line; std::getline(groups, line);) {
    std::istringstream fields(line);
    std::string number, controllers, group;
    if (!std::getline(fields, number, ':') || !std::getline(fields, controllers, ':') || !std::getline(fields, group)) continue;
    const std::string mount = root + "/sys/fs/cgroup" + (controllers.empty() ? "" : "/" + controllers);
    if (controllers.empty() || ("," + controllers + ",").find(",cpu,") != std::string::npos) least = std::min(least, coresUpFrom(mount, group));
  }
  return std::isinf(least) ? 0 : static_cast<int>(std::clamp(std::ceil(least), 1.0, 1e6));
}

int availableCores() {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = std::max(1, CPU_COUNT(&set));
  if (const int quota = coresByQuota("")) cores = std::min(cores, quota);
#endif
  return cores;
}

}  // namespace fusor
