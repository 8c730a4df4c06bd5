// The fused kernels on a GPU, without libtorch and without Node: every piece of memory is exactly as large as asked for, so
// compute-sanitizer sees every overrun.
//   fusor_gpu_test train|time|memory|sticky [--nvrtc FOLDER] [--cache FOLDER] [--device N] [--part I/N] [--steps grid|graph] [--products tf32]
// train: the table of trainings against float64, and twice for the same bits; a grid's are those of graphs. time: microseconds a step of
// the flagship, the least of some epochs, and of an evaluation; its weights, as a number that grid and graph have to agree on. memory: lack of it leaves the device usable. sticky: a kernel that traps; nothing
// touches the device after it. Ends with "N passed, N failed"; 1 where a case failed.
#include <bit>
#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/driver.h"
#include "cuda/driver_device.h"
#include "engine/cuda/trainer.h"
#include "test/cuda/jobs.h"
#include "test/cuda/reference_trainer.h"

namespace fusor::test {
namespace {

struct Options {
  std::string mode = "train", nvrtc, cache;
  CudaOptions cuda;
  int device = 0, part = 0, parts = 1;
};

int passed = 0, failed = 0;

void tell(bool ok, const std::string& name, const std::string& figures) {
  ++(ok ? passed : failed);
  std::printf("%s %s %s\n", ok ? "ok  " : "FAIL", name.c_str(), figures.c_str());
  std::fflush(stdout);
}

std::unique_ptr<cuda::Device> open(const Options& o, std::vector<cuda::Source> more = {}) {
  cuda::Compiling compiling{o.cache, {o.nvrtc}};
  compiling.sources.insert(compiling.sources.end(), more.begin(), more.end());
  return cuda::makeDriverDevice(cuda::plainPlace(o.device), compiling);
}

struct Result {
  std::string kernels;
  Report report;
  State state;
  Sums sums;
  std::vector<float> predictions;
};

Result train(Trainer& trainer, const Job& job) {
  Result result;
  Control control;
  trainer.run(job.data, job.span, control, result.report);
  result.state = trainer.read();
  result.sums.metrics.resize(job.plan.metrics.size());
  trainer.evaluate(job.data, 0, job.data.rows, 7, control, result.sums);
  Dataset inputs;
  inputs.rows = job.data.rows, inputs.bytes = job.data.bytes, inputs.floats = job.data.floats;
  result.predictions.resize(static_cast<size_t>(job.data.rows) * job.plan.outputs);
  trainer.predict(inputs, result.predictions.data());
  result.kernels = trainer.describe().kernels;
  return result;
}

bool sameBits(const Result& a, const Result& b) {
  return a.state.weights == b.state.weights && a.state.slots == b.state.slots && a.report.losses == b.report.losses &&
         a.report.metrics == b.report.metrics && a.predictions == b.predictions;
}

// ||got - wanted|| / ||wanted||; NaN where they are not alike.
double distance(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& wanted) {
  if (got.size() != wanted.size()) return NAN;
  double difference = 0, whole = 0;
  for (size_t p = 0; p < wanted.size(); ++p) {
    if (got[p].size() != wanted[p].size()) return NAN;
    for (size_t i = 0; i < wanted[p].size(); ++i) {
      difference += std::pow(static_cast<double>(got[p][i]) - wanted[p][i], 2);
      whole += std::pow(static_cast<double>(wanted[p][i]), 2);
    }
  }
  return whole == 0 ? difference : std::sqrt(difference / whole);
}

void checkTrainings(const Options& o) {
  int number = 0, trained = 0, grids = 0;
  std::vector<JobOptions> table = clusterTable();
  for (const JobOptions& options : jobTable()) table.push_back(options);
  for (const JobOptions& options : table) {
    if (number++ % o.parts != o.part) continue;
    const Job job = makeJob(options);
    ReferenceTrainer reference(job.plan, job.state);
    const Result wanted = train(reference, job);
    const auto onGpu = [&](CudaOptions how) {
      CudaTrainer trainer(job.plan, job.state, open(o), how);
      return train(trainer, job);
    };
    try {
      const Result got = onGpu(o.cuda), again = onGpu(o.cuda);
      const double weights = distance(got.state.weights, wanted.state.weights), losses = distance({got.report.losses}, {wanted.report.losses}),
                   predictions = distance({got.predictions}, {wanted.predictions}),
                   metrics = distance(got.report.metrics, wanted.report.metrics),
                   evaluated = std::fabs(got.sums.loss - wanted.sums.loss) / std::max(1e-6, std::fabs(wanted.sums.loss));
      const bool same = sameBits(got, again);
      // A grid has the bits of graphs.
      const bool grid = got.kernels == "fused, grid", like = !grid || sameBits(got, onGpu({CudaSteps::Graph}));
      ++trained, grids += grid;
      // Comparisons that NaN fails. The contract's promise is 1e-6 a step.
      const bool ok = weights <= 2e-6 && losses <= 2e-6 && predictions <= 4e-6 && metrics <= 1e-6 && evaluated <= 2e-6 && same && like &&
                      got.report.stepsDone == wanted.report.stepsDone && got.state.step == wanted.state.step;
      char figures[240];
      std::snprintf(figures, sizeof figures, "weights %.1e losses %.1e predictions %.1e metrics %.1e evaluated %.1e, %s%s%s", weights, losses,
                    predictions, metrics, evaluated, got.kernels.c_str(), same ? "" : ", other bits the second time", like ? "" : ", other bits than graphs'");
      tell(ok, options.name, figures);
    } catch (const Failure& failure) {
      tell(false, options.name, failure.code() + ": " + failure.what());
    }
  }
  if (o.cuda.steps == CudaSteps::Grid) tell(2 * grids > trained, "most in a grid", std::to_string(grids) + " of " + std::to_string(trained));
}

// To see whether two have the same bits.
uint64_t hashOf(const std::vector<std::vector<float>>& all) {
  uint64_t hash = 14695981039346656037u;
  for (const auto& values : all) {
    for (const float value : values) hash = (hash ^ std::bit_cast<uint32_t>(value)) * 1099511628211u;
  }
  return hash;
}

// Rows of MNIST's form: four fifths of the values are 0. A thousand of them, over and over: making them all takes longer than training.
Job flagship(int hidden, int batch) {
  constexpr int kTimes = 48;
  JobOptions o;
  o.name = "784-" + std::to_string(hidden) + "-10, batch " + std::to_string(batch);
  o.features = 784, o.rows = 1000, o.batch = batch, o.steps = kTimes * o.rows / batch;
  o.layers = {rescaling(1.0f / 255), dense(hidden, Activation::Relu), dense(10)};
  Job job = makeJob(o);
  for (uint8_t& value : job.data.bytes) value = value < 204 ? 0 : value;
  const auto repeat = [](auto& values) {
    const auto once = values;
    for (int i = 1; i < kTimes; ++i) values.insert(values.end(), once.begin(), once.end());
  };
  repeat(job.data.bytes), repeat(job.data.labels);
  job.data.rows *= kTimes;
  for (size_t i = 0; i < job.span.order.size(); ++i) job.span.order[i] = static_cast<uint32_t>(i * 13 % job.data.rows);
  for (float& rate : job.span.learningRates) rate = 1e-3f;
  return job;
}

void checkTime(const Options& o) {
  int number = 0;
  for (const auto& [hidden, batch] : {std::pair{128, 32}, {128, 64}, {256, 32}, {128, 256}, {1024, 256}}) {
    if (number++ % o.parts != o.part) continue;
    const Job job = flagship(hidden, batch);
    CudaTrainer trainer(job.plan, job.state, open(o), o.cuda);
    const auto microsecondsOf = [](auto f) {
      const auto start = std::chrono::steady_clock::now();
      f();
      return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    };
    double least = INFINITY, evaluation = INFINITY;
    bool ok = true;
    for (int epoch = 0; epoch < 6; ++epoch) {
      Control control;
      Report report;
      const double took = microsecondsOf([&] { trainer.run(job.data, job.span, control, report); });
      ok = ok && report.stepsDone == static_cast<int64_t>(job.span.learningRates.size()) && std::isfinite(report.losses.back());
      least = std::min(least, took / static_cast<double>(report.stepsDone));
      Sums sums{0, std::vector<double>(job.plan.metrics.size())};
      evaluation = std::min(evaluation, microsecondsOf([&] { trainer.evaluate(job.data, 0, 12000, batch, control, sums); }));
    }
    char figures[160];
    std::snprintf(figures, sizeof figures, "%.2f us a step, %.0f us to evaluate 12,000 rows, %s, weights %016" PRIx64, least, evaluation,
                  trainer.describe().kernels.c_str(), hashOf(trainer.read().weights));
    tell(ok, job.name, figures);
  }
}

Job smallJob() { return makeJob(jobTable().front()); }

void checkMemory(const Options& o) {
  const Job job = smallJob();
  CudaTrainer before(job.plan, job.state, open(o));
  const Result wanted = train(before, job);
  const auto device = open(o);
  try {
    const auto everything = device->allocate(size_t{1} << 50);
    tell(false, "a PiB", "was had");
  } catch (const Failure& failure) {
    tell(failure.code() == "ERR_OUT_OF_MEMORY", "a PiB", failure.what());
  }
  // Pieces until there is none left, then one more training.
  std::vector<std::unique_ptr<cuda::Memory>> held;
  for (size_t bytes = size_t{8} << 30; bytes >= size_t{1} << 20;) {
    try {
      held.push_back(device->allocate(bytes));
    } catch (const Failure& failure) {
      if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
      bytes /= 2;
    }
  }
  held.clear();
  CudaTrainer after(job.plan, job.state, open(o));
  tell(train(after, job).state.weights == wanted.state.weights, "training after all memory was held", "");
}

void checkSticky(const Options& o) {
  const Job job = smallJob();
  const auto device = open(o, {{"trap.cu", "struct P { int n; }; extern \"C\" __global__ void trap(const P p) { if (p.n == 7) asm volatile(\"trap;\"); }"}});
  const auto memory = device->allocate(1024);
  const int seven = 7;
  cuda::Launch launch{device->compile({"trap.cu", "trap", {}}), {1, 1, 1}, {32, 1, 1}, 1, 0, std::vector<std::byte>(sizeof seven)};
  std::memcpy(launch.parameters.data(), &seven, sizeof seven);
  const auto lost = [&](const char* name, auto f) {
    try {
      f();
      tell(false, name, "went through");
    } catch (const Failure& failure) {
      tell(failure.code() == "ERR_DEVICE_LOST", name, failure.code() + ": " + failure.what());
    }
  };
  device->launch(launch);
  lost("the trap is heard of", [&] { device->synchronize(); });
  lost("another launch", [&] { device->launch(launch); });
  lost("more memory", [&] { device->allocate(16); });
  lost("another session", [&] { CudaTrainer trainer(job.plan, job.state, open(o)); });
}

int run(const Options& o) {
  const cuda::Properties p = cuda::devicesHere().at(o.device);
  std::printf("%s, compute capability %d.%d, CUDA %s\n", p.name.c_str(), p.major, p.minor, cuda::versionText(cuda::driverVersion()).c_str());
  const std::shared_ptr<void> context = cuda::enterPrimaryContext(o.device);  // one for all devices, which would each make it anew
  if (o.mode == "train") checkTrainings(o);
  if (o.mode == "time") checkTime(o);
  if (o.mode == "memory") checkMemory(o);
  if (o.mode == "sticky") checkSticky(o);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}

}  // namespace
}  // namespace fusor::test

int main(int count, char** arguments) {
  fusor::test::Options options;
  if (count > 1) options.mode = arguments[1];
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string name = arguments[i], value = arguments[i + 1];
    if (name == "--nvrtc") options.nvrtc = value;
    if (name == "--cache") options.cache = value;
    if (name == "--device") options.device = std::atoi(value.c_str());
    if (name == "--steps" && value == "grid") options.cuda.steps = fusor::CudaSteps::Grid;
    if (name == "--steps" && value == "graph") options.cuda.steps = fusor::CudaSteps::Graph;
    if (name == "--products" && value == "tf32") options.cuda.products = fusor::CudaProducts::Tf32;
    if (name == "--part") std::sscanf(value.c_str(), "%d/%d", &options.part, &options.parts);
  }
  try {
    return fusor::test::run(options);
  } catch (const std::exception& error) {
    std::printf("FAIL %s\n", error.what());
    return 1;
  }
}
