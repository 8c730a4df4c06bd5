#include "session_wrap.h"

#include <chrono>

#include "../failure.h"
#include "../engine/trainer_for.h"
#include "convert.h"
#include "errors.h"
#include "faults.h"
#include "timeline.h"

namespace fusor::addon {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kProgressEvery = std::chrono::milliseconds(50);
constexpr int64_t kMostName = (int64_t{1} << 53) - 1;

// What a session costs besides its numbers, roughly: threads, stacks, buffers for a batch.
constexpr int64_t kSessionBytes = 1 << 20;

// The result of a job that has none.
Napi::Value nothing(Napi::Env env) { return env.Undefined(); }

int64_t bytesOf(const State& state) {
  size_t floats = 0;
  for (const auto& values : state.weights) floats += values.size() * (1 + state.slots.size());
  return static_cast<int64_t>(4 * floats);
}

int64_t bytesOf(const Dataset& d) {
  return static_cast<int64_t>(d.bytes.size() + 4 * (d.floats.size() + d.labels.size() + d.values.size() + d.weights.size()));
}

}  // namespace

Napi::Function SessionWrap::define(Napi::Env env, Workers& workers) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&SessionWrap::start>("start"), InstanceMethod<&SessionWrap::describe>("describe"),
                      InstanceMethod<&SessionWrap::upload>("upload"),
                      InstanceMethod<&SessionWrap::release>("release"), InstanceMethod<&SessionWrap::run>("run"),
                      InstanceMethod<&SessionWrap::evaluate>("evaluate"), InstanceMethod<&SessionWrap::predict>("predict"),
                      InstanceMethod<&SessionWrap::readState>("readState"),
                      InstanceMethod<&SessionWrap::writeState>("writeState"), InstanceMethod<&SessionWrap::abort>("abort"),
                      InstanceMethod<&SessionWrap::dispose>("dispose")},
                     &workers);
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
  guarded(info.Env(), [&] {
    plan_ = toPlan(info[0]);
    const State state = toState(info[1], plan_);
    faultPoint("construct");
    require(info[2].IsObject() && info[3].IsFunction(), "Session needs options and onProgress");
    trainer_ = trainerFor(plan_, state, toWay(info[2].As<Napi::Object>()));
    worker_ = std::make_unique<Worker>(*static_cast<Workers*>(info.Data()), info.Env(), info[3].As<Napi::Function>());
    worker_->onExit = [this] { abortAll(); };
    hold(kSessionBytes + bytesOf(state));
  });
}

// Reached only when no job is pending: a pending job holds a reference to the object.
SessionWrap::~SessionWrap() {
  contained("while a session was freed", [&] {
    abortAll();
    worker_.reset();
    hold(-heldBytes_);
    faultPoint("finalizer");
  });
}

template <class F>
Napi::Value SessionWrap::entry(const Napi::CallbackInfo& info, F f) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    faultPoint("entry");
    return f(info.Env());
  });
}

template <class F>
Napi::Value SessionWrap::liveEntry(const Napi::CallbackInfo& info, F f) {
  return entry(info, [&](Napi::Env env) {
    refuseIfDisposed();
    return f(env);
  });
}

void SessionWrap::refuseIfDisposed() const {
  if (disposed_) throw Failure("ERR_STATE", "the session is disposed · native backend · create a new one");
}

void SessionWrap::hold(int64_t bytes) {
  if (bytes == 0) return;
  heldBytes_ += bytes;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), bytes);
}

Napi::Promise SessionWrap::post(Napi::Env env, Worker::Job job, int64_t token, std::shared_ptr<Control> control) {
  // Again: what the arguments' getters did came after the first look.
  refuseIfDisposed();
  require(!controls_.contains(token), "token names a job under way");
  Napi::Promise promise = worker_->post(env, std::move(job), [this, token, control] {
    if (control) controls_.erase(token);
    Unref();
  });
  Ref();
  if (control) controls_.emplace(token, control);
  return promise;
}

std::shared_ptr<const Dataset> SessionWrap::datasetOf(const Napi::Value& id) const {
  const auto found = datasets_.find(toInteger(id, "dataset", 0, kMostName));
  if (found == datasets_.end()) throw Failure("ERR_STATE", "the dataset is disposed or belongs to another session");
  return found->second;
}

void SessionWrap::abortAll() {
  for (auto& [token, control] : controls_) control->abort.store(true);
}

Napi::Value SessionWrap::start(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    return post(env, [trainer = trainer_]() -> Worker::Result {
      trainer->start();
      return nothing;
    });
  });
}

Napi::Value SessionWrap::describe(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    const Description description = trainer_->describe();
    Napi::Object object = Napi::Object::New(env);
    object.Set("kernels", description.kernels);
    object.Set("isa", description.isa);
    object.Set("threads", description.threads);
    return object;
  });
}

Napi::Value SessionWrap::upload(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    auto data = std::make_shared<const Dataset>(toDataset(info[0], plan_));
    refuseIfDisposed();
    hold(bytesOf(*data));
    datasets_.emplace(nextDataset_, std::move(data));
    return Napi::Number::New(env, static_cast<double>(nextDataset_++));
  });
}

Napi::Value SessionWrap::release(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    const auto found = datasets_.find(toInteger(info[0], "dataset", 0, kMostName));
    if (found != datasets_.end()) {
      const int64_t bytes = bytesOf(*found->second);
      datasets_.erase(found);  // a running job holds its own share
      hold(-bytes);
    }
    return env.Undefined();
  });
}

Napi::Value SessionWrap::run(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    const int64_t token = toInteger(info[0], "token", 0, kMostName);
    const auto data = datasetOf(info[1]);
    auto span = std::make_shared<const Span>(toSpan(info[2], data->rows));
    const auto control = std::make_shared<Control>();
    if (toFlag(info[3], "wantsProgress")) {
      const auto underWay = std::make_shared<std::atomic<bool>>(false);
      const auto last = std::make_shared<Clock::time_point>(Clock::now() - kProgressEvery);  // the first comes at once
      control->wantsProgress = [underWay, last] { return !underWay->load() && Clock::now() - *last >= kProgressEvery; };
      control->progress = [this, underWay, last, token](int64_t stepsDone, double loss, const std::vector<double>& metrics) {
        *last = Clock::now();
        underWay->store(true);
        // Where there is no memory to tell it, the training goes on.
        contained("progress", [&] {
          worker_->emit([=](Napi::Env env) -> std::vector<napi_value> {
            underWay->store(false);
            return {Napi::Number::New(env, static_cast<double>(token)), Napi::Number::New(env, static_cast<double>(stepsDone)),
                    Napi::Number::New(env, loss), toNumbers(env, metrics)};
          });
        });
      };
    }
    std::shared_ptr<Stamps> stamps;
    std::shared_ptr<Marker> ranges;
    if (!info[4].IsUndefined()) {
      stamps = std::make_shared<Stamps>();
      stamps->delay = toDelay(info[4]);
      ranges = toRanges(info[4]);
      stamps->marker = ranges.get();
      control->stamps = stamps.get();
    }
    return post(env, [trainer = trainer_, data, span, control, stamps, ranges]() -> Worker::Result {
      auto report = std::make_shared<Report>();
      trainer->run(*data, *span, *control, *report);
      return [report, stamps](Napi::Env env) {
        const double returned = microseconds();
        Napi::Object object = toObject(env, *report);
        if (stamps) object.Set("timeline", toObject(env, *stamps, returned));
        return object;
      };
    }, token, control);
  });
}

Napi::Value SessionWrap::evaluate(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    const int64_t token = toInteger(info[0], "token", 0, kMostName);
    const auto data = datasetOf(info[1]);
    const int64_t begin = toInteger(info[2], "begin", 0, data->rows), end = toInteger(info[3], "end", begin, data->rows);
    const auto batchSize = static_cast<int>(toInteger(info[4], "batchSize", 1, (int64_t{1} << 31) - 1));
    const auto control = std::make_shared<Control>();
    return post(env, [trainer = trainer_, metrics = plan_.metrics.size(), data, begin, end, batchSize, control]() -> Worker::Result {
      Sums sums{0, std::vector<double>(metrics)};
      if (!trainer->evaluate(*data, begin, end, batchSize, *control, sums)) return [](Napi::Env env) { return env.Null(); };
      const auto rows = static_cast<double>(end - begin);
      sums.loss /= rows;
      for (double& metric : sums.metrics) metric /= rows;
      return [sums](Napi::Env env) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("loss", sums.loss);
        object.Set("metrics", toNumbers(env, sums.metrics));
        return object;
      };
    }, token, control);
  });
}

Napi::Value SessionWrap::predict(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    auto data = std::make_shared<const Dataset>(toInputs(info[0], plan_));
    return post(env, [trainer = trainer_, outputs = plan_.outputs, data]() -> Worker::Result {
      auto out = std::make_shared<std::vector<float>>(data->rows * outputs);
      trainer->predict(*data, out->data());
      return [out](Napi::Env env) { return toArray(env, *out); };
    });
  });
}

Napi::Value SessionWrap::readState(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    return post(env, [trainer = trainer_]() -> Worker::Result {
      auto state = std::make_shared<State>(trainer->read());
      return [state](Napi::Env env) { return toObject(env, *state); };
    });
  });
}

Napi::Value SessionWrap::writeState(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    auto state = std::make_shared<const State>(toState(info[0], plan_));
    return post(env, [trainer = trainer_, state]() -> Worker::Result {
      trainer->write(*state);
      return nothing;
    });
  });
}

Napi::Value SessionWrap::abort(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    const auto found = controls_.find(toInteger(info[0], "token", 0, kMostName));
    if (found != controls_.end()) found->second->abort.store(true);
    return env.Undefined();
  });
}

Napi::Value SessionWrap::dispose(const Napi::CallbackInfo& info) {
  return liveEntry(info, [&](Napi::Env env) {
    disposed_ = true;
    abortAll();
    // Behind everything that is queued; frees the device's memory on the thread that filled it.
    auto trainer = std::make_shared<std::shared_ptr<Trainer>>(std::move(trainer_));
    datasets_.clear();
    hold(-heldBytes_);
    const auto job = [trainer]() -> Worker::Result {
      trainer->reset();
      return nothing;
    };
    Napi::Promise promise = worker_->post(env, job, [this] {
      contained("while a session was disposed", [&] { worker_->close(); });
      Unref();
    });
    Ref();
    return promise;
  });
}

}  // namespace fusor::addon
