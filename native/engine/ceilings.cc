#include "ceilings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>

#include "../kernels/cpu/peak.h"
#include "floats.h"
#include "team.h"

namespace fusor {
namespace {

constexpr int kTries = 5;
constexpr double kSecondsATry = 0.004;
constexpr const char* kInstructionSets[] = {"amx", "avx512", "avx2", "neon", "scalar"};

struct Cache {
  int64_t bytes;  // of one instance
  int cores;      // that share it
};

// Cores in a list such as "0-3,8".
int coresIn(const std::string& list) {
  int count = 0;
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(',', at), list.size());
    const std::string part = list.substr(at, end - at);
    const size_t dash = part.find('-');
    count += dash == std::string::npos ? 1 : std::stoi(part.substr(dash + 1)) - std::stoi(part) + 1;
    at = end + 1;
  }
  return std::max(1, count);
}

// The data caches of core 0, the first level first. Where the system does not say: common sizes.
std::vector<Cache> caches() {
  std::vector<Cache> found(3, Cache{0, 1});
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const auto read = [&](const char* name) {
      std::string text;
      std::getline(std::ifstream(folder + name) >> std::ws, text);
      return text;
    };
    const std::string type = read("type"), level = read("level"), size = read("size");
    if (size.empty() || type == "Instruction" || level < "1" || level > "3") continue;
    const int64_t unit = size.back() == 'M' ? 1 << 20 : size.back() == 'K' ? 1 << 10 : 1;
    found[level[0] - '1'] = {std::stoll(size) * unit, coresIn(read("shared_cpu_list"))};
  }
  if (found[0].bytes == 0) found[0].bytes = 32 << 10;
  if (found[1].bytes == 0) found[1].bytes = 1 << 20;
  return found;  // a third level there need not be
}

// Amount a second of work(member, n) by all members at once, where n of it is `amount`: the best of several tries.
template <class F>
double rate(Team& team, int members, double amount, F work) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [&](long n) {
    double taken = 0;
    team.run(members, [&](int me) {
      team.barrier();
      const auto start = Clock::now();
      work(me, n);
      team.barrier();
      if (me == 0) taken = std::chrono::duration<double>(Clock::now() - start).count();
    });
    return taken;
  };
  long n = 1;
  double once = seconds(n);
  while (once < kSecondsATry / 4) once = seconds(n *= 4);
  n = std::max(1L, static_cast<long>(static_cast<double>(n) * kSecondsATry / once));
  double best = 1e300;
  for (int i = 0; i < kTries; ++i) best = std::min(best, seconds(n));
  return amount * static_cast<double>(n) * members / best;
}

}  // namespace

Ceilings measureCeilings(int threads) {
  Team team(threads);
  Ceilings ceilings{threads, {}, {}};
  std::vector<Floats> sinks;
  for (int i = 0; i < threads; ++i) sinks.emplace_back(16);
  for (const char* name : kInstructionSets) {
    const Peak* peak = peakByName(name);
    if (!peak) continue;
    ceilings.flops.emplace_back(name, rate(team, threads, 1000.0 * peak->flops, [&](int me, long n) {
                                  *sinks[me].data() += peak->multiplyAdd(1000 * n);
                                }));
  }

  const Peak* peak = peakByName("auto");
  const std::vector<Cache> levels = caches();
  int64_t largest = 0;
  const auto measure = [&](const std::string& level, int64_t bytes, int64_t bytesAThread) {
    const long count = bytesAThread / 4 / 256 * 256;
    const double amount = static_cast<double>(count) * 4;
    std::vector<Floats> memory(threads);
    team.run(threads, [&](int me) { memory[me] = Floats(count); });
    const double read = rate(team, threads, amount, [&](int me, long n) {
      for (long i = 0; i < n; ++i) *sinks[me].data() += peak->read(memory[me].data(), count);
    });
    const double update = rate(team, threads, 2 * amount, [&](int me, long n) {
      for (long i = 0; i < n; ++i) peak->update(memory[me].data(), count);
    });
    ceilings.bandwidths.push_back({level, bytes, read, update});
  };
  for (size_t i = 0; i < levels.size(); ++i) {
    if (levels[i].bytes == 0) continue;
    const int sharing = std::min(threads, levels[i].cores);
    const int64_t each = levels[i].bytes / sharing;
    constexpr const char* kNames[] = {"L1", "L2", "L3"};
    measure(kNames[i], each * threads, each / 2);
    largest = each * threads;
  }
  // Several times what the last level holds, in all.
  measure("memory", 0, std::clamp<int64_t>(4 * largest, 64 << 20, 512 << 20) / threads);
  return ceilings;
}

}  // namespace fusor
