// Many steps of a net in one launch, of as many blocks as run at once: each does its share of every phase, and all wait for all before
// the next one. The phases are what otherwise is a launch each, with the same sums: the same bits. While a block waits, what does not
// depend on the others is on its way: the next rows, weights, targets. Defines: HIDDEN (0 … 3: layers before the last); INPUT (of the
// first layer), PLAIN (as in head.h, and forward), OPTIMIZER; the arguments of TileShape: FORWARD1 … of the hidden layers' products,
// BACK2 … of the gradients before the second and the third, UPDATE.
#include "forward.h"
#include "gradient.h"
#include "head.h"
#include "update.h"

using namespace fusor::cuda;

namespace {

constexpr int kThreads = 256;

// This block's part of a phase.
class Part {
 public:
  // waits: for the phase before; launch: its place in the step.
  DEVICE Part(GridBarrier& barrier, const Control& span, const Step& step, int launch, bool waits = true)
      : barrier_(barrier), span_(span), step_(step.index), launch_(launch), waits_(waits) {}
  // The phase before is done, from the first call on.
  DEVICE void begin() {
    if (begun_) return;
    begun_ = true;
    if (waits_) barrier_.wait();
    stamp_.begin(span_, launch_, step_, nanoseconds());
  }
  DEVICE ~Part() {
    begin();
    stamp_.end();
    barrier_.arrive();
  }
  // f(tile, wait) for the tiles of `all` that are this block's.
  template <class F>
  DEVICE void tiles(int all, F f) {
    for (int tile = static_cast<int>(blockIdx.x); tile < all; tile += static_cast<int>(gridDim.x)) {
      if (tile >= static_cast<int>(gridDim.x)) __syncthreads();  // the last one's shared memory has been read
      f(tile, [this] { begin(); });
    }
  }

 private:
  GridBarrier& barrier_;
  const Control& span_;
  const int step_, launch_;
  const bool waits_;
  bool begun_ = false;
  LaunchStamp stamp_;
};

template <class Shape>
constexpr bool kFits = Shape::THREADS == kThreads;  // all of a block's threads work on a tile

template <int KIND, class Shape>
DEVICE void forward(const GridParams& p, int layer, const Step& step, float* shared, Part part) {
  static_assert(kFits<Shape>);
  const Tiling tiling = p.forwardTiles[layer];
  part.tiles(tiling.all, [&](int tile, auto wait) {
    forwardTile<KIND, Shape, PLAIN>(p.forward[layer], step, tile % tiling.across, tile / tiling.across, shared, wait);
  });
}

template <class Shape>
DEVICE void gradient(const GridParams& p, int layer, const Step& step, float* shared, Part part) {
  static_assert(kFits<Shape>);
  const Tiling tiling = p.gradientTiles[layer - 1];
  part.tiles(tiling.all, [&](int tile, auto wait) {
    gradientTile<Shape>(p.gradient[layer - 1], step, tile % tiling.across, tile / tiling.across, shared, wait);
  });
}

}  // namespace

KERNEL(grid, GridParams, kThreads) {
  SHARED_MEMORY(float, shared);
  GridBarrier barrier(p.arrived);
  const int begin = p.control->base, last = least(p.control->end, begin + p.steps);
  int now = begin;
  for (; now < last; ++now) {
    Step step;
    step.take(p.span, &p.span, now, true);
    int launch = 0;
    // A step before may have lowered it: asked for when that has been waited for, looked at before anything is changed. All blocks come
    // to the same.
    const auto endOfSpan = [&] { return *static_cast<const volatile int*>(&p.control->end); };
    // The end of the step before is waited for, but of the launch's first.
    const auto part = [&](bool first = false) { return Part(barrier, p.span, step, launch++, !first || now > begin); };
#if HIDDEN > 0
    forward<INPUT, TileShape<FORWARD1>>(p, 0, step, shared, part(true));
    const int end = endOfSpan();
#endif
#if HIDDEN > 1
    forward<kValues, TileShape<FORWARD2>>(p, 1, step, shared, part());
#endif
#if HIDDEN > 2
    forward<kValues, TileShape<FORWARD3>>(p, 2, step, shared, part());
#endif
    {
      Part head = part(HIDDEN == 0);
      head.tiles(step.rows, [&](int row, auto wait) { headRow<HIDDEN == 0 ? INPUT : kValues, PLAIN, kThreads>(p.head, step, row, shared, wait); });
    }
#if HIDDEN == 0
    const int end = endOfSpan();
#endif
#if HIDDEN > 2
    gradient<TileShape<BACK3>>(p, 2, step, shared, part());
#endif
#if HIDDEN > 1
    gradient<TileShape<BACK2>>(p, 1, step, shared, part());
#endif
    if (now >= end) break;
    using Shape = TileShape<UPDATE>;
    static_assert(kFits<Shape>);
    Part update = part();
    update.tiles(p.blocks, [&](int block, auto wait) {
      updateBlock<INPUT, Shape>(p.update, step, p.control, block, p.blocks - 1, shared, wait,
                                [&](int which) { return Optimised<OptimizerKind::OPTIMIZER, Shape>(p.update, which, step, block); });
    });
  }
  if (now > begin && blockIdx.x == 0 && threadIdx.x == 0) p.control->base = now;
}
