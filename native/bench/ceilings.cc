#include "ceilings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>

#include "../kernels/cpu/kernels.h"
#include "../kernels/cpu/peak.h"
#include "../engine/floats.h"
#include "../engine/team.h"

namespace fusor {
namespace {

constexpr int kTries = 5;
constexpr double kSecondsATry = 0.004;

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

// Work of all members at once, each n times; `amount`: operations or bytes of one time.
struct Measure {
  std::function<void(int member, long n)> work;
  double amount;
  long n = 1;
  double best = 1e300;  // seconds

  double rate(int members) const { return amount * static_cast<double>(n) * members / best; }
};

double seconds(Team& team, const Measure& measure) {
  using Clock = std::chrono::steady_clock;
  double taken = 0;
  team.run(team.size(), [&](int me) {
    measure.work(me, 1);  // fills the caches
    team.barrier();
    const auto start = Clock::now();
    measure.work(me, measure.n);
    team.barrier();
    if (me == 0) taken = std::chrono::duration<double>(Clock::now() - start).count();
  });
  return taken;
}

// The best of several tries, those of all measures in turns: what disturbs for some tens of milliseconds, as another process
// on one of the cores does, spoils one try of each, not every try of one.
void measureAll(Team& team, std::vector<Measure>& measures) {
  for (Measure& measure : measures) {
    double once = seconds(team, measure);
    for (; once < kSecondsATry / 4; once = seconds(team, measure)) measure.n *= 4;
    measure.n = std::max(1L, static_cast<long>(static_cast<double>(measure.n) * kSecondsATry / once));
  }
  for (int i = 0; i < kTries; ++i) {
    for (Measure& measure : measures) measure.best = std::min(measure.best, seconds(team, measure));
  }
}

}  // namespace

Ceilings measureCeilings(int threads) {
  Team team(threads);
  Ceilings ceilings{threads, {}, {}};
  std::vector<Floats> sinks;
  for (int i = 0; i < threads; ++i) sinks.emplace_back(16);
  std::vector<Measure> measures;
  for (const char* name : kInstructionSets) {
    const Peak* peak = peakByName(name);
    if (!peak) continue;
    ceilings.flops.emplace_back(name, 0);
    measures.push_back({[&sinks, peak](int me, long n) { *sinks[me].data() += peak->multiplyAdd(1000 * n); },
                        1000.0 * peak->flops});
  }
  const size_t flops = measures.size();

  const Peak* peak = peakByName("auto");
  std::vector<std::vector<Floats>> memory;  // by level, by thread
  memory.reserve(4);                        // measures refer to its elements
  const auto add = [&](const std::string& level, int64_t bytes, int64_t bytesAThread) {
    const long count = bytesAThread / 4 / 256 * 256;
    const double amount = static_cast<double>(count) * 4;
    auto& mine = memory.emplace_back(threads);
    team.run(threads, [&](int me) { mine[me] = Floats(count); });
    ceilings.bandwidths.push_back({level, bytes, 0, 0});
    measures.push_back({[&sinks, &mine, peak, count](int me, long n) {
                          for (long i = 0; i < n; ++i) *sinks[me].data() += peak->read(mine[me].data(), count);
                        },
                        amount});
    measures.push_back({[&mine, peak, count](int me, long n) {
                          for (long i = 0; i < n; ++i) peak->update(mine[me].data(), count);
                        },
                        2 * amount});
  };
  const std::vector<Cache> levels = caches();
  int64_t largest = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    if (levels[i].bytes == 0) continue;
    const int sharing = std::min(threads, levels[i].cores);
    const int64_t each = levels[i].bytes / sharing;
    constexpr const char* kNames[] = {"L1", "L2", "L3"};
    add(kNames[i], each * threads, each / 2);
    largest = each * threads;
  }
  // Several times what the last level holds, in all.
  add("memory", 0, std::clamp<int64_t>(4 * largest, 64 << 20, 512 << 20) / threads);

  measureAll(team, measures);
  for (size_t i = 0; i < flops; ++i) ceilings.flops[i].second = measures[i].rate(threads);
  for (size_t i = 0; i < ceilings.bandwidths.size(); ++i) {
    ceilings.bandwidths[i].read = measures[flops + 2 * i].rate(threads);
    ceilings.bandwidths[i].update = measures[flops + 2 * i + 1].rate(threads);
  }
  return ceilings;
}

}  // namespace fusor
