#include "grid.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace fusor::test {

Grid* Grid::self = nullptr;

emulated::Runtime& Grid::runtime() {
  static emulated::Runtime table{nullptr, &shared, &barrier, &clusterArrive, &clusterWait, &exchange, &copyLater, &expectBytes,
                                 &completeBytes, &waitForBytes, &nanoseconds};
  return table;
}

void Grid::runWorker(int) { self->entry_(self->parameters_); }

unsigned char* Grid::shared(unsigned rank) {
  // 16-byte aligned, as on a GPU; what lies behind it is another allocation.
  unsigned char* at = self->shared_[rank].get();
  return at + (16 - reinterpret_cast<uintptr_t>(at) % 16) % 16;
}

// Arrives, and waits until all `expected` have.
void Grid::arrive(Wait& wait, uint64_t expected) {
  Worker& worker = now();
  if (++wait.arrived == expected) {
    wait.arrived = 0;
    ++wait.generation;
    return;
  }
  worker.waitsFor = &wait;
  worker.generation = wait.generation;
  fibers_.yield();
}

void Grid::barrier() {
  if (self->now().barriers++ == self->leaveOut) return;
  self->arrive(self->blocks_[self->now().thread.rank], self->threads_);
}

void Grid::clusterArrive() {
  Wait& wait = self->cluster_;
  self->now().clusterGeneration = wait.generation;
  if (++wait.arrived == self->workers_.size()) {
    wait.arrived = 0;
    ++wait.generation;
  }
}

void Grid::clusterWait() {
  Worker& worker = self->now();
  if (self->cluster_.generation != worker.clusterGeneration) return;
  worker.waitsFor = &self->cluster_;
  worker.generation = worker.clusterGeneration;
  self->fibers_.yield();
}

const unsigned char* Grid::exchange(const void* value, unsigned bytes) {
  Worker& worker = self->now();
  Warp& warp = self->warps_[self->current_ / 32];
  unsigned char* slots = warp.slots.data() + (worker.exchanges++ & 1) * 32 * emulated::kSlot;
  std::memcpy(slots + self->current_ % 32 * emulated::kSlot, value, bytes);
  self->arrive(warp.wait, 32);
  return slots;
}

void Grid::copyLater(void* to, const void* from, unsigned bytes, void* barrier) {
  std::memset(to, 0xff, bytes);  // NaN: nobody may read it before it is waited for, nor what stood there
  self->bytes_[barrier].copies.push_back({to, from, bytes});
}

void Grid::changeBytes(void* barrier, int64_t by, bool arrives) {
  Bytes& bytes = self->bytes_[barrier];
  if (arrives && bytes.expected) throw std::runtime_error("a barrier's phase is begun twice");
  bytes.missing += by;
  bytes.expected = bytes.expected || arrives;
  if (!bytes.expected || bytes.missing != 0) return;
  bytes.expected = false;
  ++bytes.phases.generation;
}

void Grid::expectBytes(void* barrier, unsigned bytes) { changeBytes(barrier, bytes, true); }
void Grid::completeBytes(void* barrier, unsigned bytes) { changeBytes(barrier, -static_cast<int64_t>(bytes), false); }

unsigned long long Grid::nanoseconds() {
  return static_cast<unsigned long long>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

void Grid::waitForBytes(void* barrier, unsigned parity) {
  Worker& worker = self->now();
  for (const Copy& copy : std::exchange(self->bytes_[barrier].copies, {})) {
    std::memcpy(copy.to, copy.from, copy.bytes);
    completeBytes(barrier, copy.bytes);
  }
  const Wait& phases = self->bytes_[barrier].phases;
  while (phases.generation % 2 == parity) {
    worker.waitsFor = &phases;
    worker.generation = phases.generation;
    self->fibers_.yield();
  }
}

void Grid::run(Entry entry, const cuda::Launch& asked, Order order) {
  cuda::Launch launch = asked;
  if (launch.atOnce) launch.cluster = launch.grid[0];  // which may wait for each other, too
  self = this;
  entry_ = entry;
  parameters_ = launch.parameters.data();
  threads_ = static_cast<int>(launch.block[0]);
  sharedBytes_ = static_cast<int>(launch.sharedBytes);
  if (threads_ % 32 != 0 || launch.grid[0] % launch.cluster != 0) throw std::runtime_error("a block of broken warps, or a broken cluster");
  std::vector<unsigned> clusters(launch.grid[0] / launch.cluster * launch.grid[1]);
  std::iota(clusters.begin(), clusters.end(), 0u);
  if (order == Order::Descending) std::reverse(clusters.begin(), clusters.end());
  for (const unsigned cluster : clusters) runCluster(cluster, launch, order);
}

void Grid::runCluster(unsigned cluster, const cuda::Launch& launch, Order order) {
  const unsigned across = launch.grid[0] / launch.cluster;
  const int count = threads_ * static_cast<int>(launch.cluster);
  workers_.assign(count, {});
  warps_.resize(count / 32);
  for (Warp& warp : warps_) warp.wait = {}, warp.slots.assign(2 * 32 * emulated::kSlot, 0xff);
  blocks_.assign(launch.cluster, {});
  cluster_ = {};
  bytes_.clear();
  shared_.clear();
  for (unsigned b = 0; b < launch.cluster; ++b) {
    shared_.emplace_back(new unsigned char[sharedBytes_ + 16]);
    std::memset(shared_[b].get(), 0xff, sharedBytes_ + 16);  // NaN: what nobody has written
  }
  for (int i = 0; i < count; ++i) {
    const unsigned rank = i / threads_;
    workers_[i].thread = {{static_cast<unsigned>(i % threads_), 0, 0},
                          {cluster % across * launch.cluster + rank, cluster / across, 0},
                          {static_cast<unsigned>(threads_), 1, 1},
                          {launch.grid[0], launch.grid[1], 1},
                          rank};
  }
  std::vector<int> turns(count);
  std::iota(turns.begin(), turns.end(), 0);
  if (order == Order::Descending) std::reverse(turns.begin(), turns.end());
  if (order == Order::Shuffled) {
    uint32_t state = 12345 + cluster;
    for (int i = count - 1; i > 0; --i) std::swap(turns[i], turns[(state = state * 1664525u + 1013904223u) % (i + 1)]);
  }
  fibers_.start(count, &runWorker);
  for (int alive = count; alive > 0;) {
    bool moved = false;
    for (const int i : turns) {
      Worker& worker = workers_[i];
      if (fibers_.ended(i) || (worker.waitsFor && worker.waitsFor->generation == worker.generation)) continue;
      worker.waitsFor = nullptr;
      current_ = i;
      runtime().current = &worker.thread;
      fibers_.resume(i);
      moved = true;
      alive -= fibers_.ended(i);
    }
    if (!moved) throw std::runtime_error(std::to_string(alive) + " threads wait at a barrier that others never reach");
  }
  for (const auto& [barrier, bytes] : bytes_) {
    if (!bytes.copies.empty()) throw std::runtime_error("a copy that nobody waited for");
  }
}

}  // namespace fusor::test
