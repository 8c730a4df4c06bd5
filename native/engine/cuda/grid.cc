#include "grid.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tiles.h"

namespace fusor {
namespace {

constexpr int kThreads = 256;  // of grid.cu

// What the launches of a recipe are, where they are those of a grid: forward for each hidden layer, head, the gradients from the last
// hidden layer but one down, update.
std::optional<int> hiddenLayers(const CudaRecipe& recipe) {
  size_t at = 0;
  const auto next = [&](const char* file) { return at < recipe.programs.size() && recipe.programs[at].file == file && ++at; };
  int hidden = 0, gradients = 0;
  while (next("forward.cu")) ++hidden;
  if (!next("head.cu")) return std::nullopt;
  while (next("gradient.cu")) ++gradients;
  if (!next("update.cu") || at != recipe.programs.size() || hidden > cuda::kMostHidden || gradients != std::max(0, hidden - 1)) return std::nullopt;
  return hidden;
}

template <class P>
void copy(const cuda::Launch& from, P& to) {
  std::memcpy(&to, from.parameters.data(), sizeof to);
}

cuda::Tiling tilingOf(const cuda::Launch& launch) {
  return {static_cast<int>(launch.grid[0]), static_cast<int>(launch.grid[0] * launch.grid[1])};
}

// The same tile of the update, in threads that are as many as everywhere: an element is one thread's sum in either.
CudaTile withAllThreads(CudaTile tile) {
  tile.rowsEach = tile.rowsEach * tile.threads / kThreads;
  tile.threads = kThreads;
  return tile;
}

}  // namespace

std::optional<CudaGrid> cudaGrid(const CudaRecipe& recipe, cuda::Device& device, cuda::Control* control, bool stamped) {
  const std::optional<int> hidden = hiddenLayers(recipe);
  if (!hidden || !device.properties().mayWait) return std::nullopt;
  cuda::GridParams p{};
  cuda::Program program{"grid.cu", "grid", {{"HIDDEN", std::to_string(*hidden)}}};
  const auto define = [&](const std::string& name, const std::string& value) { program.defines.emplace_back(name, value); };
  uint32_t shared = 0;
  int most = 0;
  bool plain = true;
  const auto count = [&](size_t at, int tiles) {
    shared = std::max(shared, recipe.step[at].sharedBytes);
    most = std::max(most, tiles);
  };

  for (int l = 0; l < *hidden; ++l) {
    copy(recipe.step[l], p.forward[l]);
    p.forwardTiles[l] = tilingOf(recipe.step[l]);
    count(l, p.forwardTiles[l].all);
    define("FORWARD" + std::to_string(l + 1), valueOf(recipe.programs[l], "TILE"));
    plain = plain && valueOf(recipe.programs[l], "PLAIN") == "1";
  }
  const size_t head = *hidden;
  copy(recipe.step[head], p.head);
  count(head, static_cast<int>(recipe.step[head].grid[0]));
  plain = plain && valueOf(recipe.programs[head], "PLAIN") == "1";
  for (int l = *hidden - 1; l > 0; --l) {
    const size_t at = head + *hidden - l;
    copy(recipe.step[at], p.gradient[l - 1]);
    p.gradientTiles[l - 1] = tilingOf(recipe.step[at]);
    count(at, p.gradientTiles[l - 1].all);
    define("BACK" + std::to_string(l + 1), valueOf(recipe.programs[at], "TILE"));
  }
  const size_t update = recipe.step.size() - 1;
  copy(recipe.step[update], p.update);
  p.blocks = static_cast<int>(recipe.step[update].grid[0]);
  count(update, p.blocks);
  define("UPDATE", withAllThreads(CudaTile::of(valueOf(recipe.programs[update], "TILE"))).arguments());
  define("INPUT", valueOf(recipe.programs[0], "INPUT"));
  define("OPTIMIZER", valueOf(recipe.programs[update], "OPTIMIZER"));
  define("PLAIN", plain ? "1" : "0");
  if (stamped) define("STAMPED", "1");

  auto arrived = device.allocate(sizeof(unsigned));
  device.fill(arrived->address(), 0, sizeof(unsigned));
  p.control = control;
  p.arrived = reinterpret_cast<unsigned*>(arrived->address());
  CudaGrid grid{cuda::launchOf(device.compile(program), 1, 1, kThreads, static_cast<int>(shared), p), std::move(arrived)};
  grid.launch.atOnce = true;
  const int blocks = std::min(most, device.mostAtOnce(grid.launch));
  if (blocks == 0) return std::nullopt;
  grid.launch.grid[0] = static_cast<uint32_t>(blocks);
  return grid;
}

cuda::Launch withSpan(const CudaGrid& grid, const cuda::Control& span, int steps) {
  cuda::Launch own = grid.launch;
  std::memcpy(own.parameters.data() + offsetof(cuda::GridParams, span), &span, sizeof span);
  std::memcpy(own.parameters.data() + offsetof(cuda::GridParams, steps), &steps, sizeof steps);
  return own;
}

}  // namespace fusor
