// What the CUDA kernels take of a GPU, without one: each is compiled by NVRTC for an architecture, and its registers,
// spills and shared memory are read from the assembler's report.
//   fusor_cuda_resources FOLDER ARCHITECTURE [--sample]      FOLDER holds NVRTC; --sample: the flagship's kernels only
// Prints one JSON array. Exit status 1 where one does not compile.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <regex>
#include <thread>

#include "cuda/nvrtc.h"
#include "failure.h"
#include "programs.h"

namespace fusor::test {
namespace {

// One line an entry of the program.
std::string rowsOf(const cuda::Nvrtc& nvrtc, const std::string& name, const Wanted& wanted, const std::string& architecture) {
  const std::string log = nvrtc.compile(cuda::kernelSources(), wanted.program, architecture, {"--ptxas-options=-v"}).log;
  const std::regex entry("Compiling entry function '(\\w+)'"), use("(\\d+) bytes stack frame, (\\d+) bytes spill stores"),
      registers("Used (\\d+) registers"), fixed("(\\d+) bytes smem");
  std::string rows;
  for (std::sregex_iterator at(log.begin(), log.end(), entry), end; at != end; ++at) {
    const auto next = std::next(at);
    const auto from = log.begin() + at->position();
    const std::string part(from, next == end ? log.end() : log.begin() + next->position());
    const auto number = [&](const std::regex& pattern, int group) {
      std::smatch match;
      return std::regex_search(part, match, pattern) ? std::stoi(match[group]) : 0;
    };
    const auto found = wanted.uses.find((*at)[1]);
    if (found == wanted.uses.end()) continue;
    char row[512];
    std::snprintf(row, sizeof row,
                  "{\"program\":\"%s\",\"entry\":\"%s\",\"architecture\":\"%s\",\"registers\":%d,\"stack\":%d,\"spilled\":%d,"
                  "\"shared\":%d,\"threads\":%u,\"cluster\":%u}",
                  name.c_str(), found->first.c_str(), architecture.c_str(), number(registers, 1), number(use, 1), number(use, 2),
                  number(fixed, 1) + static_cast<int>(found->second.sharedBytes), found->second.threads, found->second.cluster);
    rows += (rows.empty() ? "" : ",\n") + std::string(row);
  }
  return rows;
}

int compileAll(const std::string& folder, const std::string& architecture, bool sampleOnly) {
  const cuda::Nvrtc nvrtc({folder});
  const auto wanted = programsWanted(std::atoi(architecture.c_str() + 3) / 10);
  std::vector<std::pair<std::string, Wanted>> list;
  for (const auto& one : wanted) {
    if (one.second.sample || !sampleOnly) list.push_back(one);
  }
  std::vector<std::string> rows(list.size());
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (size_t i = next++; i < list.size(); i = next++) {
      try {
        rows[i] = rowsOf(nvrtc, list[i].first, list[i].second, architecture);
      } catch (const Failure& failure) {
        std::fprintf(stderr, "%s for %s: %s\n", list[i].first.c_str(), architecture.c_str(), failure.what());
        failed = true;
      }
    }
  };
  std::fprintf(stderr, "%zu programs\n", list.size());
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  std::printf("[");
  bool first = true;
  for (const auto& row : rows) {
    if (row.empty()) continue;
    std::printf("%s%s", first ? "" : ",\n", row.c_str());
    first = false;
  }
  std::printf("]\n");
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace fusor::test

int main(int count, char** arguments) {
  if (count < 3 || (count == 4 && std::strcmp(arguments[3], "--sample")) || count > 4) {
    std::fprintf(stderr, "usage: fusor_cuda_resources FOLDER ARCHITECTURE [--sample]\n");
    return 2;
  }
  try {
    return fusor::test::compileAll(arguments[1], arguments[2], count == 4);
  } catch (const fusor::Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
