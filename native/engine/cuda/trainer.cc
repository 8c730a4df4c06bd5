#include "trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "../../failure.h"

namespace fusor {
namespace {

constexpr int64_t kMostStepsAGraph = 64;
constexpr int kClusterSteps = 4096;  // of at most some 20 µs
constexpr int64_t kMostStepsAGrid = 1024;
constexpr int kTrials = 3, kTrialLaunches = 4;
constexpr int64_t kTrialSteps = 8, kFewestTrialSteps = 4;
constexpr double kSmallStep = 5e8;  // floating-point operations, beside which launches count at all
constexpr int64_t kFewSteps = 8;  // fewer are launched one by one: making a graph costs more
// What is launched before anybody looks again at the clock and at an abort: this long, once a step's time is known.
constexpr double kGroupSeconds = 0.015;
// Before it is known: as on a slow GPU.
constexpr double kSlowestFlops = 5e11;
constexpr int64_t kPassFloats = int64_t{1} << 25;  // of values, that evaluation takes at a time
constexpr int64_t kMostPassRows = 8192;

}  // namespace

std::string cudaUnsupported(const Plan& plan) {
  return plan.metrics.size() > cuda::kMostMetrics ? "there are more than " + std::to_string(cuda::kMostMetrics) + " metrics" : "";
}

std::unique_ptr<Trainer> makeCudaTrainer(const Plan& plan, const State& state, std::unique_ptr<cuda::Device> device,
                                         const CudaOptions& options) {
  return std::make_unique<CudaTrainer>(plan, state, std::move(device), options);
}

CudaTrainer::CudaTrainer(const Plan& plan, const State& state, std::unique_ptr<cuda::Device> device, const CudaOptions& options)
    : plan_(plan), options_(options), device_(std::move(device)), network_(plan_, *device_), data_(*device_),
      control_(device_->allocate(sizeof(cuda::Control))) {
  write(state);
}

Description CudaTrainer::describe() const {
  const cuda::Properties& p = device_->properties();
  return {kernels_.load(std::memory_order_relaxed), "sm_" + std::to_string(p.major) + std::to_string(p.minor), p.multiprocessors};
}

CudaTrainer::Training& CudaTrainer::trainingFor(int rows, const Dataset& data, CudaRows& on, bool stamped) {
  std::optional<Training>& training = stamped ? stamping_ : training_;
  if (!training || training->rows != rows || training->bytes != on.bytes) {
    training.reset();  // its memory is free before the next one's is asked for
    training.emplace();
    training->rows = rows;
    training->bytes = on.bytes;
    if (options_.steps == CudaSteps::Auto) {
      training->cluster = cudaCluster(plan_, network_, *device_, controlAt(), rows, on.bytes, options_.products, kClusterSteps, stamped);
    }
  }
  if (training->cluster) {
    const cuda::Address pieces = data_.pieces(data, plan_.features, training->cluster->tiles, training->cluster->parts);
    if (pieces) {
      on.x = pieces;
      kernels_.store("fused, cluster", std::memory_order_relaxed);
      return *training;
    }
    training->cluster.reset();
  }
  if (training->recipe.step.empty()) {
    withRoom([&] {
      training->recipe = cudaRecipe(plan_, network_, *device_, controlAt(), CudaPurpose::Train, on.bytes, rows, rows, stamped);
    });
    training->chosen = stamped || options_.steps != CudaSteps::Auto;
  }
  // What is stamped is what runs otherwise.
  const bool inGrid = options_.steps == CudaSteps::Grid ||
                      (stamped && training_ && training_->rows == rows && training_->bytes == on.bytes && training_->grid);
  if (inGrid && !training->grid) training->grid = cudaGrid(training->recipe, *device_, controlAt(), stamped);
  return *training;
}

const CudaRecipe& CudaTrainer::forwardFor(CudaPurpose purpose, bool bytes, int batch, int64_t results) {
  const auto same = [&](const Forward& f) { return f.purpose == purpose && f.bytes == bytes && f.batch == batch && f.results == results; };
  if (!forward_ || !same(*forward_)) {
    forward_.reset();
    CudaRecipe recipe;
    try {
      withRoom([&] { recipe = cudaRecipe(plan_, network_, *device_, controlAt(), purpose, bytes, batch, results); });
    } catch (const Failure& failure) {
      // How many rows it takes at a time is ours to say, and little.
      if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
      throw withMend(failure, "free memory of the GPU");
    }
    forward_ = Forward{purpose, bytes, batch, results, std::move(recipe)};
  }
  return forward_->recipe;
}

int64_t CudaTrainer::floatsOfRow() const {
  int64_t floats = strideOn(plan_.features) + 2 * strideOn(plan_.outputs);
  for (const Layer& layer : plan_.layers) floats += 3 * strideOn(layer.outputs);
  return floats;
}

template <class F>
void CudaTrainer::withRoom(F make) {
  try {
    return make();
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
  }
  forward_.reset();  // kept for speed alone: without it there may be room
  try {
    return make();
  } catch (const Failure&) {
    training_.reset();  // the session goes on with another batch
    stamping_.reset();
    throw;
  }
}

const cuda::Graph& CudaTrainer::graphOf(Training& training, int steps) {
  auto& graph = training.graphs[steps];
  if (!graph) {
    if (training.graphs.size() > 8) {  // spans of ever other lengths
      training.graphs.clear();
      return graphOf(training, steps);
    }
    std::vector<cuda::Launch> all;
    for (int s = 0; s < steps; ++s) {
      for (const cuda::Launch& launch : training.recipe.step) all.push_back(withOffset(launch, s));
    }
    all.push_back(cudaAdvance(*device_, controlAt(), steps));
    graph = device_->record(all);
  }
  return *graph;
}

void CudaTrainer::choose(Training& training, const CudaSpan& span) {
  training.chosen = true;
  if (training.recipe.work > kSmallStep) return;
  try {
    tryGrid(training, span);
  } catch (const Failure& failure) {
    if (failure.code() == "ERR_DEVICE_LOST") throw;  // what was refused has changed nothing: graphs go on
  }
}

void CudaTrainer::tryGrid(Training& training, const CudaSpan& span) {
  std::optional<CudaGrid> grid = cudaGrid(training.recipe, *device_, controlAt(), false);
  if (!grid) return;
  const int64_t trials = 2 * kTrials;
  const int steps = static_cast<int>(std::min<int64_t>(kTrialSteps, span.steps() / trials));
  // Some one after the other, where there is room: then the launch of one hides behind another, as it does in training.
  const int launches = span.steps() >= trials * kTrialSteps * kTrialLaunches ? kTrialLaunches : 1;
  const auto secondsOf = [&](auto advance) {
    const auto start = std::chrono::steady_clock::now();
    for (int l = 0; l < launches; ++l) advance();
    device_->synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const cuda::Graph& graph = graphOf(training, steps);
  const cuda::Launch launch = withSpan(*grid, span.control(), steps);
  double byGraph = INFINITY, byGrid = INFINITY;
  for (int trial = 0; trial < kTrials; ++trial) {
    const double g = secondsOf([&] { device_->replay(graph); }), l = secondsOf([&] { device_->launch(launch); });
    if (trial > 0) byGraph = std::min(byGraph, g), byGrid = std::min(byGrid, l);  // the first one warms up
  }
  if (byGrid < byGraph) training.grid = std::move(grid), training.graphs.clear();
}

void CudaTrainer::run(const Dataset& data, const Span& span, Control& control, Report& report) {
  const int64_t steps = static_cast<int64_t>(span.learningRates.size());
  report.metrics.resize(plan_.metrics.size());
  if (steps == 0) return;
  CudaRows rows = data_.on(data);
  Training& training = trainingFor(static_cast<int>(std::min<int64_t>(span.batchSize, span.order.size())), data, rows, control.stamps != nullptr);
  std::optional<CudaStamps> stamps;
  if (control.stamps) stamps.emplace(*device_, plan_, *control.stamps, training.recipe.does, kClusterSteps, steps);
  CudaSpan onDevice(*device_, plan_, rows, span, step_, controlAt(), stamps ? &*stamps : nullptr);

  // Steps done are done, whatever comes after them.
  int64_t done = 0;
  const auto look = [&, begun = step_] {
    done = onDevice.done();
    step_ = begun + done;
  };
  if (!training.cluster && !training.chosen && steps >= 2 * kTrials * kFewestTrialSteps) {
    choose(training, onDevice);
    look();
    // What begins beyond the end takes no time.
    if (onDevice.stopped()) training.grid.reset(), training.chosen = false;
  }
  // Ranges are of launches: a graph or a grid has none.
  Marker* const ranges = control.stamps ? control.stamps->marker : nullptr;
  const bool inGrid = training.grid && !ranges;
  const auto slowest = static_cast<int64_t>(kGroupSeconds * kSlowestFlops / std::max(1.0, training.recipe.work));
  const int64_t most = training.cluster ? kClusterSteps : std::clamp<int64_t>(slowest, 1, inGrid ? kMostStepsAGrid : kMostStepsAGraph);
  const int64_t turns = (steps - done + most - 1) / most, each = turns ? (steps - done + turns - 1) / turns : 0;
  const cuda::Graph* graph =
      !ranges && !training.cluster && !inGrid && steps >= kFewSteps && each > 1 ? &graphOf(training, static_cast<int>(each)) : nullptr;
  const cuda::Launch whole = training.cluster ? withSpan(training.cluster->launch, onDevice.control())
                             : inGrid ? withSpan(*training.grid, onDevice.control(), static_cast<int>(each))
                                      : cuda::Launch{};
  if (!training.cluster) kernels_.store(inGrid ? "fused, grid" : "fused", std::memory_order_relaxed);
  const auto advance = [&] {
    if (whole.kernel) return device_->launch(whole);
    if (graph) return device_->replay(*graph);
    for (int s = 0; s < each; ++s) {
      for (size_t l = 0; l < training.recipe.step.size(); ++l) {
        if (ranges) ranges->begin(training.recipe.does[l].phase, training.recipe.does[l].layer);
        device_->launch(withOffset(training.recipe.step[l], s));
        if (ranges) ranges->end(training.recipe.does[l].phase);
      }
    }
    device_->launch(cudaAdvance(*device_, controlAt(), static_cast<int>(each)));
  };

  int64_t group = 1;
  for (int64_t launched = 0; launched < turns && !control.abort.load(std::memory_order_relaxed) && !onDevice.stopped();) {
    const auto start = std::chrono::steady_clock::now();
    const int64_t count = std::min(group, turns - launched);
    for (int64_t i = 0; i < count; ++i) advance();
    {
      const Timed timed(control.stamps, 0, Phase::Wait);
      look();
    }
    if (stamps) stamps->seen(done);
    launched += count;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    group = std::max<int64_t>(1, static_cast<int64_t>(kGroupSeconds * static_cast<double>(count) / took.count()));
    if (control.progress && control.wantsProgress && done > 0 && control.wantsProgress()) {
      onDevice.read(report, done);
      onDevice.tell(report, control);
    }
  }
  {
    const Timed timed(control.stamps, 0, Phase::Copy);
    onDevice.read(report, done);
  }
  report.aborted = done < steps;
  if (stamps) {
    control.stamps->close([&] {
      stamps->collect();
      return launchMicroseconds(*device_, controlAt());
    });
  }
}

int CudaTrainer::passRows(int64_t rows) const {
  return static_cast<int>(std::clamp<int64_t>(std::min(rows, kPassFloats / floatsOfRow()), 1, kMostPassRows));
}

bool CudaTrainer::pass(const CudaRecipe& recipe, const CudaRows& rows, int64_t begin, int64_t end, int batch, Control* control,
                       const std::function<void(int64_t, int)>& each) {
  cuda::Control c{};
  c.batch = batch;
  c.rows = end - begin;
  c.first = begin;
  c.end = c.steps = static_cast<int>((c.rows + batch - 1) / batch);
  c.seed = plan_.seed;
  rows.place(c);
  device_->upload(control_->address(), &c, sizeof c);
  for (int s = 0; s < c.steps; ++s) {
    if (control && control->abort.load(std::memory_order_relaxed)) return false;
    for (const cuda::Launch& launch : recipe.step) device_->launch(withOffset(launch, s));
    each(static_cast<int64_t>(s) * batch, static_cast<int>(std::min<int64_t>(batch, c.rows - static_cast<int64_t>(s) * batch)));
  }
  return true;
}

bool CudaTrainer::evaluate(const Dataset& data, int64_t begin, int64_t end, int, Control& control, Sums& sums) {
  const size_t rows = end - begin, metrics = plan_.metrics.size();
  if (rows == 0) return true;
  const int batch = passRows(end - begin);
  const CudaRows& on = data_.on(data);
  const CudaRecipe& recipe = forwardFor(CudaPurpose::Evaluate, on.bytes, batch, end - begin);
  int64_t inFlight = 0;
  const bool whole = pass(recipe, on, begin, end, batch, &control, [&](int64_t, int) {
    if (++inFlight % 8 == 0) device_->synchronize();  // an abort is heard
  });
  std::vector<double> losses(rows), values(rows * metrics);
  device_->download(losses.data(), recipe.rowLosses, rows * sizeof(double));  // waits
  if (!whole) return false;
  if (metrics) device_->download(values.data(), recipe.rowMetrics, values.size() * sizeof(double));
  sums.loss += network_.penalty() * static_cast<double>(rows);
  for (size_t r = 0; r < rows; ++r) {
    sums.loss += losses[r];
    for (size_t m = 0; m < metrics; ++m) sums.metrics[m] += values[r * metrics + m];
  }
  return true;
}

void CudaTrainer::predict(const Dataset& data, float* out) {
  if (data.rows == 0) return;
  const int batch = passRows(data.rows), n = plan_.outputs;
  const CudaRows& on = data_.on(data);
  const CudaRecipe& recipe = forwardFor(CudaPurpose::Predict, on.bytes, batch, batch);
  std::vector<float> padded(static_cast<size_t>(batch) * recipe.ldPredictions);
  pass(recipe, on, 0, data.rows, batch, nullptr, [&](int64_t at, int rows) {
    device_->download(padded.data(), recipe.predictions, static_cast<size_t>(rows) * recipe.ldPredictions * sizeof(float));
    for (int r = 0; r < rows; ++r) std::copy_n(&padded[static_cast<size_t>(r) * recipe.ldPredictions], n, out + (at + r) * n);
  });
}

State CudaTrainer::read() {
  State state = network_.read();
  state.step = step_;
  return state;
}

void CudaTrainer::write(const State& state) {
  step_ = state.step;
  network_.write(state);
}

}  // namespace fusor
