// The fused trainer by itself, without Node and libtorch, for sanitizers and emulated instructions: teams that train, are aborted from
// another thread, evaluate and predict. Exit status 1 where results depend on the number of threads, or are not those of the plain
// kernels.
//   fusor_engine_test [--isa NAME] [--steps 60]
//   fusor_engine_test --plant race|overflow|undefined|leak      a bug that the sanitizer has to find
//   fusor_engine_test --cores ROOT      how many cores the control groups below a folder leave
//   fusor_engine_test --meet N      two members at N barriers, one of them about as late as the other's patience lasts
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "../../engine/cores.h"
#include "../../engine/fused/trainer.h"

namespace fusor {
namespace {

// Wide enough for zeros to be left out by one member and by two, and not by three; features enough for bytes to be taken as they are.
constexpr int kRows = 301, kFeatures = 67, kHidden = 136, kClasses = 5;

enum class Net {
  Deep,
  Frozen,  // a base that is not trained, and one layer on it: the members need not meet as often
  Narrow,  // members share out rows alone, and meet between steps only
  Normed,  // batch normalisation, by columns between what is by rows
  Held,    // all that has to know whole gradients and weights
  Wide,    // members share out columns for few rows, too
  Broad,   // a first layer that does not stay in the caches
};

struct Job {
  Net net;
  bool labels, sparse;
  int batch;  // tiles take large layers from 64 rows on
  int steps;
};

// Some digits that look random.
float value(size_t i) { return static_cast<float>((i * 2654435761u >> 8) % 2001) / 1000.0f - 1.0f; }

// Where it may, a layer behind and before each: zeros or none in what it reads, zeros or none in its gradient.
Plan planFor(Net net, bool labels) {
  Plan plan{};
  plan.features = kFeatures;
  plan.outputs = kClasses;
  Layer rescaling{LayerKind::Rescaling, kFeatures, kFeatures};
  rescaling.scale = 1.0f / 255;
  Layer first{LayerKind::Dense, kFeatures, kHidden, true, Activation::Relu};
  Layer dropout{LayerKind::Dropout, kHidden, kHidden};
  dropout.rate = 0.25;
  dropout.stream = 1;
  Layer second{LayerKind::Dense, kHidden, kHidden, true, Activation::Gelu};
  Layer third{LayerKind::Dense, kHidden, kHidden, true, Activation::Tanh};
  Layer fourth{LayerKind::Dense, kHidden, kHidden, true, Activation::Relu};
  Layer last{LayerKind::Dense, kHidden, kClasses, true, Activation::Linear};
  plan.layers = {rescaling, first, dropout, second, third, fourth, last};
  if (net == Net::Frozen) {
    // 9 panels are shared out otherwise than 288 rows of weights.
    plan.layers = {rescaling, first, last};
    plan.layers[1].trainable = false;
    plan.layers[1].outputs = plan.layers[2].inputs = 288;
  }
  if (net == Net::Narrow) {
    plan.layers = {rescaling, first, second, last};
    plan.layers[1].outputs = plan.layers[2].inputs = 30;
    plan.layers[2].outputs = plan.layers[3].inputs = 3;
  }
  if (net == Net::Normed) {
    Layer normalization{LayerKind::BatchNormalization, kHidden, kHidden};
    normalization.channels = kHidden;
    normalization.momentum = 0.9, normalization.epsilon = 1e-3;
    normalization.hasGamma = normalization.hasBeta = true;
    Layer fixed = normalization;
    fixed.trainable = false;
    Layer relu{LayerKind::Activation, kHidden, kHidden, false, Activation::Relu};
    first.useBias = false, first.activation = Activation::Linear;
    plan.layers = {rescaling, first, normalization, relu, dropout, normalization, second, fixed, normalization, last};
  }
  plan.output = Activation::Softmax;
  plan.labels = labels;
  plan.loss = labels ? LossKind::SparseCategoricalCrossentropy : LossKind::CategoricalCrossentropy;
  plan.optimizer = Optimizer{UpdateKind::Adam};
  plan.optimizer.decay1 = 0.9;
  plan.optimizer.decay2 = 0.999;
  plan.optimizer.epsilon = 1e-7;
  plan.optimizer.slots = 2;
  if (net == Net::Wide) {
    plan.layers = {rescaling, first, dropout, second, last};
    plan.layers[1].outputs = plan.layers[2].inputs = plan.layers[2].outputs = plan.layers[3].inputs = 1100;
    plan.layers[3].outputs = plan.layers[4].inputs = 900;
  }
  if (net == Net::Broad) {
    plan.layers = {rescaling, first, dropout, last};
    plan.layers[1].outputs = plan.layers[2].inputs = plan.layers[2].outputs = plan.layers[3].inputs = 42000;
  }
  if (net == Net::Held) {
    plan.optimizer.clipNorm = 0.01;
    plan.optimizer.accumulate = 2;
    ++plan.optimizer.slots;
    for (Layer& layer : plan.layers) layer.kernel = {1e-4, 1e-3, 0.8}, layer.bias = {0, 1e-3, 0.01};
  }
  plan.metrics = {Metric{MetricKind::CategoricalAccuracy}};
  plan.seed = 7;
  return plan;
}

State stateFor(const Plan& plan) {
  State state;
  for (const Layer& layer : plan.layers) {
    const bool normalizes = layer.kind == LayerKind::BatchNormalization;
    for (const Shape& shape : parametersOf(layer)) {
      std::vector<float> values(shape.count(), normalizes ? 1.0f : 0.0f);
      for (size_t i = 0; i < values.size() && shape.rows > 1; ++i) values[i] = 0.1f * value(i);
      state.weights.push_back(std::move(values));
    }
  }
  for (int s = 0; s < plan.optimizer.slots; ++s) {
    state.slots.emplace_back();
    for (const auto& weights : state.weights) state.slots.back().push_back(std::vector<float>(weights.size()));
  }
  return state;
}

Dataset dataFor(bool labels, bool sparse) {
  Dataset data;
  data.rows = kRows;
  data.bytes.resize(size_t{kRows} * kFeatures);
  for (size_t i = 0; i < data.bytes.size(); ++i) data.bytes[i] = sparse && i % 5 ? 0 : static_cast<uint8_t>(i * 31);
  for (int r = 0; r < kRows; ++r) {
    if (labels) data.labels.push_back(r % kClasses);
    for (int c = 0; !labels && c < kClasses; ++c) data.values.push_back(c == r % kClasses);
  }
  return data;
}

Span spanFor(int batch, int steps) {
  Span span;
  span.batchSize = batch;
  span.firstStep = 0;
  constexpr int kMissing = 5;  // of the last batch
  for (int i = 0; i < batch * steps - kMissing; ++i) span.order.push_back(static_cast<uint32_t>(i * 7 % kRows));
  span.learningRates.assign(steps, 1e-3f);
  return span;
}

// Everything that training changes, after whole spans, one that was aborted by another thread, and evaluation between.
std::vector<float> train(const Kernels& kernels, const Job& job, int threads, bool abort = false) {
  const Plan plan = planFor(job.net, job.labels);
  FusedTrainer trainer(plan, stateFor(plan), kernels, threads);
  const Dataset data = dataFor(job.labels, job.sparse);
  for (int round = 0; round < 3; ++round) {
    Control control;
    Report report;
    // Whoever listens changes nothing.
    Stamps stamps;
    if (round == 1) control.stamps = &stamps;
    control.wantsProgress = [] { return true; };
    control.progress = [&](int64_t, double, const std::vector<double>&) {};
    std::thread aborting;
    if (abort) aborting = std::thread([&] { control.abort.store(true); });
    trainer.run(data, spanFor(job.batch, abort ? 2000 : job.steps), control, report);
    if (aborting.joinable()) aborting.join();
    Control another;
    Sums sums{0, std::vector<double>(1)};
    trainer.evaluate(data, 0, kRows, 32, another, sums);
    std::vector<float> predictions(size_t{kRows} * kClasses);
    Dataset inputs;
    inputs.rows = kRows;
    inputs.bytes = data.bytes;
    trainer.predict(inputs, predictions.data());
  }
  std::vector<float> all;
  for (const auto& weights : trainer.read().weights) all.insert(all.end(), weights.begin(), weights.end());
  return all;
}

// The weights after some steps, all in one span or each in its own.
std::vector<std::vector<float>> trainInSpans(const Kernels& kernels, Net net, int batch, int steps, int threads, bool each) {
  const Plan plan = planFor(net, true);
  FusedTrainer trainer(plan, stateFor(plan), kernels, threads);
  const Dataset data = dataFor(true, true);
  const Span whole = spanFor(batch, steps);
  const int count = each ? 1 : steps;
  for (int s = 0; s < steps; s += count) {
    Span span = whole;
    span.firstStep = s;
    const auto begin = whole.order.begin() + s * batch, end = s + count < steps ? begin + count * batch : whole.order.end();
    span.order.assign(begin, end);
    span.learningRates.resize(count);
    Control control;
    Report report;
    trainer.run(data, span, control, report);
  }
  return trainer.read().weights;
}

// What a few rows of a wide net give.
std::vector<float> predict(const Kernels& kernels, int threads, bool sparse) {
  constexpr int kFew = 7;
  const Plan plan = planFor(Net::Wide, true);
  FusedTrainer trainer(plan, stateFor(plan), kernels, threads);
  Dataset inputs = dataFor(true, sparse);
  inputs.rows = kFew;
  inputs.bytes.resize(size_t{kFew} * kFeatures);
  inputs.labels.resize(kFew);
  std::vector<float> all(size_t{kFew} * kClasses);
  for (int times = 0; times < 20; ++times) {
    trainer.predict(inputs, all.data());
    Control control;
    Sums sums{0, std::vector<double>(1)};
    trainer.evaluate(inputs, 0, kFew, kFew, control, sums);
    all.push_back(static_cast<float>(sums.loss));
  }
  return all;
}

volatile int one = 1;

void plant(const char* bug) {
  if (!std::strcmp(bug, "race")) {
    Team team(2);
    int shared = 0;
    team.run(2, [&](int) { shared += one; });
    std::printf("%d\n", shared);
  } else if (!std::strcmp(bug, "overflow")) {
    // Of a length that UBSan does not know either: AddressSanitizer has to see it.
    volatile float* const array = new float[4 * one];
    array[3 + one] = 1;
    delete[] array;
  } else if (!std::strcmp(bug, "undefined")) {
    volatile int most = INT_MAX;
    most = most + one;
  } else {
    // Several: the address of the last one may lie about, on a stack or in a register.
    volatile float* volatile lost;
    for (int i = 0; i < 10; ++i) lost = new float[250];
    lost = nullptr;
  }
}

// A member that goes to sleep while another wakes those that sleep: 10 s without a barrier passed means that one was forgotten.
int meet(int times) {
  using Clock = std::chrono::steady_clock;
  Team team(2);
  std::atomic<int> passed{0};
  std::atomic<bool> ended{false};
  std::thread watch([&] {
    for (int before = -1; !ended;) {
      for (int tenth = 0; tenth < 100 && !ended; ++tenth) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (ended || passed != before) {
        before = passed;
        continue;
      }
      std::printf("stuck at barrier %d\n0 passed, 1 failed, 0 skipped\n", passed.load());
      std::fflush(stdout);
      _exit(1);
    }
  });
  team.run(2, [&](int me) {
    unsigned state = 7 + me;
    for (int i = 0; i < times; ++i) {
      if (me == i % 2) {
        state = state * 1664525u + 1013904223u;
        for (const auto until = Clock::now() + std::chrono::nanoseconds(8000 + (state >> 8) % 24000); Clock::now() < until;) {
        }
      }
      team.barrier();
      if (me == 0) passed = i + 1;
    }
  });
  ended = true;
  watch.join();
  std::printf("1 passed, 0 failed, 0 skipped\n");
  return passed == times ? 0 : 1;
}

// How far apart, as a share of what training has moved.
double apart(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& start) {
  double difference = 0, moved = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(a[i] - b[i], 2.0);
    moved += std::pow(b[i] - start[i], 2.0);
  }
  return std::sqrt(difference / moved);
}

// Seconds that a team takes to find the number of members that is fastest, a step taking `work` seconds on one core of so many: more
// members than cores wait for each other.
double secondsToSettle(int most, int cores, double work) {
  Pace pace(most);
  double now = 0;
  const auto stepOf = [&](int members) { return members <= cores ? work / members : work / cores * members; };
  for (double last = 0; now < 60;) {
    const int members = pace.members(), steps = pace.steps();
    now += steps * stepOf(members);
    pace.measured(steps, steps * stepOf(members));
    if (pace.members() != cores) last = now;
    if (now - last > 0.05) return last;
  }
  return now;
}

int runAll(const Kernels& kernels, int steps) {
  // Of each its own steps: rounding grows as training goes on.
  constexpr int kFewSteps = 2;
  // Rows that are taken through any of the nets in several blocks, and of which none comes so near relu's corner that rounding decides.
  constexpr int kBlocks = 1250;
  constexpr double kApart = 1e-5;  // found: 1e-6
  int wrong = 0, cases = 0;
  const auto check = [&](bool right, const char* what, double value) {
    ++cases;
    if (right) return;
    ++wrong;
    std::printf("%s: %g\n", what, value);
  };
  for (const int most : {2, 16, 64}) {
    for (const int cores : {1, 2}) {
      const double seconds = secondsToSettle(most, cores, 50e-6);
      check(seconds < 0.1, "seconds until the team has its size", seconds);
    }
  }
  for (const auto [net, labels] : {std::pair{Net::Deep, false}, {Net::Deep, true}, {Net::Frozen, true}, {Net::Narrow, false}, {Net::Normed, true}, {Net::Held, true}}) {
    for (const bool sparse : {false, true}) {
      for (const int batch : {32, 96, kBlocks}) {
        const Job job{net, labels, sparse, batch, batch < kBlocks ? steps : steps / 20}, few{net, labels, sparse, batch, kFewSteps};
        const auto expected = train(kernels, job, 1);
        for (const int threads : {2, 3, 5}) check(train(kernels, job, threads) == expected, "other weights with so many threads", threads);
        for (const int threads : {1, 2, 5}) train(kernels, job, threads, true), ++cases;
        const auto plain = train(*scalarKernels(), few, 1), start = train(*scalarKernels(), {net, labels, sparse, batch, 0}, 1);
        for (const int threads : {1, 2}) {
          const double far = apart(train(kernels, few, threads), plain, start);
          check(far < kApart, "apart from the plain kernels", far);
        }
      }
    }
  }
  const auto expected = trainInSpans(kernels, Net::Broad, 32, 6, 1, true);
  for (const int threads : {1, 2, 3, 5}) {
    check(trainInSpans(kernels, Net::Broad, 32, 6, threads, false) == expected, "other weights in one span with so many threads", threads);
  }
  for (const bool sparse : {false, true}) {
    const auto expected = predict(kernels, 1, sparse);
    for (const int threads : {2, 3, 5}) check(predict(kernels, threads, sparse) == expected, "other predictions with so many threads", threads);
  }
  std::printf("%d passed, %d failed, 0 skipped\n", cases - wrong, wrong);
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace fusor

int main(int count, char** arguments) {
  fusor::flushDenormals();  // as every thread that trains
  const char* isa = "auto";
  int steps = 60;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = arguments[i], *given = arguments[i + 1];
    if (!std::strcmp(name, "--cores")) return std::printf("%d\n", fusor::coresByQuota(given)), 0;
    if (!std::strcmp(name, "--meet")) return fusor::meet(std::atoi(given));
    if (!std::strcmp(name, "--plant")) fusor::plant(given);
    if (!std::strcmp(name, "--isa")) isa = given;
    if (!std::strcmp(name, "--steps")) steps = std::atoi(given);
  }
  const fusor::Kernels* const kernels = fusor::kernelsByName(isa);
  if (!kernels) return std::printf("no kernels for %s here\n", isa), 2;
  return fusor::runAll(*kernels, steps);
}
