#include "session_wrap.h"

#include <chrono>

#include "../engine/failure.h"
#include "../engine/trainer_for.h"
#include "convert.h"
#include "errors.h"

namespace fusor::addon {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kProgressEvery = std::chrono::milliseconds(50);

int64_t bytesOf(const Dataset& d) {
  return static_cast<int64_t>(d.bytes.size() + 4 * (d.floats.size() + d.labels.size() + d.values.size() + d.weights.size()));
}

}  // namespace

Napi::Function SessionWrap::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&SessionWrap::describe>("describe"), InstanceMethod<&SessionWrap::upload>("upload"),
                      InstanceMethod<&SessionWrap::release>("release"), InstanceMethod<&SessionWrap::run>("run"),
                      InstanceMethod<&SessionWrap::evaluate>("evaluate"), InstanceMethod<&SessionWrap::predict>("predict"),
                      InstanceMethod<&SessionWrap::readState>("readState"),
                      InstanceMethod<&SessionWrap::writeState>("writeState"), InstanceMethod<&SessionWrap::abort>("abort"),
                      InstanceMethod<&SessionWrap::dispose>("dispose")});
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
  guarded(info.Env(), [&] {
    plan_ = toPlan(info[0]);
    const State state = toState(info[1], plan_);
    if (!info[2].IsObject() || !info[3].IsFunction()) throw Failure("ERR_NATIVE_ARG", "Session needs options and onProgress");
    const auto options = info[2].As<Napi::Object>();
    trainer_ = trainerFor(plan_, state, toText(options.Get("kernels"), "kernels"), toText(options.Get("isa"), "isa"),
                          static_cast<int>(toInteger(options.Get("threads"), "threads", 0, 1024)));
    worker_ = std::make_unique<Worker>(info.Env(), info[3].As<Napi::Function>());
    worker_->onExit = [this] { abortAll(); };
  });
}

// Reached only when no job is pending: a pending job holds a reference to the object.
SessionWrap::~SessionWrap() {
  abortAll();
  worker_.reset();
  if (heldBytes_) Napi::MemoryManagement::AdjustExternalMemory(Env(), -heldBytes_);
}

template <class F>
Napi::Value SessionWrap::entry(const Napi::CallbackInfo& info, F f) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (disposed_) throw Failure("ERR_STATE", "the session is disposed · native backend · create a new one");
    return f(info.Env());
  });
}

Napi::Promise SessionWrap::post(Napi::Env env, Worker::Job job, double token) {
  Ref();
  return worker_->post(env, std::move(job), [this, token] {
    controls_.erase(token);
    Unref();
  });
}

std::shared_ptr<Control> SessionWrap::controlFor(double token) {
  return controls_[token] = std::make_shared<Control>();
}

std::shared_ptr<const Dataset> SessionWrap::datasetOf(const Napi::Value& id) const {
  const auto found = datasets_.find(toInteger(id, "dataset", 0, int64_t{1} << 53));
  if (found == datasets_.end()) throw Failure("ERR_STATE", "the dataset is disposed or belongs to another session");
  return found->second;
}

void SessionWrap::abortAll() {
  for (auto& [token, control] : controls_) control->abort.store(true);
}

Napi::Value SessionWrap::describe(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    const Description description = trainer_->describe();
    Napi::Object object = Napi::Object::New(env);
    object.Set("kernels", description.kernels);
    object.Set("isa", description.isa);
    object.Set("threads", description.threads);
    return object;
  });
}

Napi::Value SessionWrap::upload(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    auto data = std::make_shared<const Dataset>(toDataset(info[0], plan_));
    const int64_t bytes = bytesOf(*data);
    heldBytes_ += bytes;
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
    datasets_.emplace(nextDataset_, std::move(data));
    return Napi::Number::New(env, static_cast<double>(nextDataset_++));
  });
}

Napi::Value SessionWrap::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto found = datasets_.find(toInteger(info[0], "dataset", 0, int64_t{1} << 53));
    if (found != datasets_.end()) {
      const int64_t bytes = bytesOf(*found->second);
      heldBytes_ -= bytes;
      Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -bytes);
      datasets_.erase(found);  // a running job holds its own share
    }
    return info.Env().Undefined();
  });
}

Napi::Value SessionWrap::run(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    const double token = info[0].ToNumber().DoubleValue();
    const auto data = datasetOf(info[1]);
    auto span = std::make_shared<const Span>(toSpan(info[2], data->rows));
    const auto control = controlFor(token);
    if (info[3].ToBoolean().Value()) {
      const auto underWay = std::make_shared<std::atomic<bool>>(false);
      const auto last = std::make_shared<Clock::time_point>(Clock::now() - kProgressEvery);  // the first comes at once
      control->wantsProgress = [underWay, last] { return !underWay->load() && Clock::now() - *last >= kProgressEvery; };
      control->progress = [this, underWay, last, token](int64_t stepsDone, double loss, const std::vector<double>& metrics) {
        *last = Clock::now();
        underWay->store(true);
        worker_->emit([=](Napi::Env env) -> std::vector<napi_value> {
          underWay->store(false);
          return {Napi::Number::New(env, token), Napi::Number::New(env, static_cast<double>(stepsDone)),
                  Napi::Number::New(env, loss), toNumbers(env, metrics)};
        });
      };
    }
    return post(env, [trainer = trainer_, data, span, control]() -> Worker::Result {
      auto report = std::make_shared<Report>();
      trainer->run(*data, *span, *control, *report);
      return [report](Napi::Env env) { return toObject(env, *report); };
    }, token);
  });
}

Napi::Value SessionWrap::evaluate(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    const double token = info[0].ToNumber().DoubleValue();
    const auto data = datasetOf(info[1]);
    const int64_t begin = toInteger(info[2], "begin", 0, data->rows), end = toInteger(info[3], "end", begin, data->rows);
    const auto batchSize = static_cast<int>(toInteger(info[4], "batchSize", 1, (int64_t{1} << 31) - 1));
    const auto control = controlFor(token);
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
    }, token);
  });
}

Napi::Value SessionWrap::predict(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    auto data = std::make_shared<const Dataset>(toInputs(info[0], plan_));
    return post(env, [trainer = trainer_, outputs = plan_.outputs, data]() -> Worker::Result {
      auto out = std::make_shared<std::vector<float>>(data->rows * outputs);
      trainer->predict(*data, out->data());
      return [out](Napi::Env env) { return toArray(env, *out); };
    });
  });
}

Napi::Value SessionWrap::readState(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    return post(env, [trainer = trainer_]() -> Worker::Result {
      auto state = std::make_shared<State>(trainer->read());
      return [state](Napi::Env env) { return toObject(env, *state); };
    });
  });
}

Napi::Value SessionWrap::writeState(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    auto state = std::make_shared<const State>(toState(info[0], plan_));
    return post(env, [trainer = trainer_, state]() -> Worker::Result {
      trainer->write(*state);
      return [](Napi::Env env) { return env.Undefined(); };
    });
  });
}

Napi::Value SessionWrap::abort(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto found = controls_.find(info[0].ToNumber().DoubleValue());
    if (found != controls_.end()) found->second->abort.store(true);
    return info.Env().Undefined();
  });
}

Napi::Value SessionWrap::dispose(const Napi::CallbackInfo& info) {
  return entry(info, [&](Napi::Env env) {
    disposed_ = true;
    abortAll();
    // Behind everything that is queued; frees the device's memory on the thread that filled it.
    auto trainer = std::make_shared<std::shared_ptr<Trainer>>(std::move(trainer_));
    datasets_.clear();
    Napi::MemoryManagement::AdjustExternalMemory(env, -heldBytes_);
    heldBytes_ = 0;
    Ref();
    const auto job = [trainer]() -> Worker::Result {
      trainer->reset();
      return [](Napi::Env env) { return env.Undefined(); };
    };
    return worker_->post(env, job, [this] {
      worker_->close();
      Unref();
    });
  });
}

}  // namespace fusor::addon
