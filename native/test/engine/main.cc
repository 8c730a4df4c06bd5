// The fused trainer by itself, without Node and libtorch, for sanitizers: teams that train, are aborted from another
// thread, evaluate and predict. Exit status 1 where results depend on the number of threads.
//   fusor_engine_test [--plant race|overflow|undefined|leak]      a bug that the sanitizer has to find
//   fusor_engine_test --meet N      two members at N barriers, one of them about as late as the other's patience lasts
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "../../engine/fused_trainer.h"

namespace fusor {
namespace {

// Wide enough for zeros to be left out by one member and by two, and not by three.
constexpr int kRows = 301, kFeatures = 37, kHidden = 136, kClasses = 5;

// Some digits that look random.
float value(size_t i) { return static_cast<float>((i * 2654435761u >> 8) % 2001) / 1000.0f - 1.0f; }

Plan planFor(bool labels) {
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
  Layer last{LayerKind::Dense, kHidden, kClasses, true, Activation::Linear};
  plan.layers = {rescaling, first, dropout, second, last};
  plan.output = Activation::Softmax;
  plan.labels = labels;
  plan.loss = labels ? LossKind::SparseCategoricalCrossentropy : LossKind::CategoricalCrossentropy;
  plan.optimizer = Optimizer{UpdateKind::Adam};
  plan.optimizer.decay1 = 0.9;
  plan.optimizer.decay2 = 0.999;
  plan.optimizer.epsilon = 1e-7;
  plan.optimizer.slots = 2;
  plan.metrics = {Metric{MetricKind::CategoricalAccuracy}};
  plan.seed = 7;
  return plan;
}

State stateFor(const Plan& plan) {
  State state;
  for (const Layer& layer : plan.layers) {
    if (layer.kind != LayerKind::Dense) continue;
    std::vector<float> kernel(static_cast<size_t>(layer.inputs) * layer.outputs);
    for (size_t i = 0; i < kernel.size(); ++i) kernel[i] = 0.1f * value(i);
    state.weights.push_back(kernel);
    state.weights.push_back(std::vector<float>(layer.outputs));
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

Span spanFor(int steps) {
  Span span;
  span.batchSize = 32;
  span.firstStep = 0;
  for (int i = 0; i < 32 * steps; ++i) span.order.push_back(static_cast<uint32_t>(i * 7 % kRows));
  span.learningRates.assign(steps, 1e-3f);
  return span;
}

// Everything that training changes, after whole spans, one that was aborted by another thread, and evaluation between.
std::vector<float> train(int threads, bool labels, bool sparse, bool abort) {
  const Plan plan = planFor(labels);
  FusedTrainer trainer(plan, stateFor(plan), *bestKernels(), threads);
  const Dataset data = dataFor(labels, sparse);
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
    trainer.run(data, spanFor(abort ? 2000 : 60), control, report);
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

int runAll() {
  int wrong = 0, cases = 0;
  for (const bool labels : {false, true}) {
    for (const bool sparse : {false, true}) {
      const auto expected = train(1, labels, sparse, false);
      for (const int threads : {2, 3, 5}) {
        ++cases;
        if (train(threads, labels, sparse, false) == expected) continue;
        ++wrong;
        std::printf("%d threads give other weights\n", threads);
      }
      for (const int threads : {1, 2, 5}) train(threads, labels, sparse, true), ++cases;
    }
  }
  std::printf("%d passed, %d failed, 0 skipped\n", cases - wrong, wrong);
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace fusor

int main(int count, char** arguments) {
  fusor::flushDenormals();  // as every thread that trains
  if (count == 3 && !std::strcmp(arguments[1], "--meet")) return fusor::meet(std::atoi(arguments[2]));
  if (count == 3) fusor::plant(arguments[2]);
  return fusor::runAll();
}
