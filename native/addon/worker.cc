#include "worker.h"

#include "../failure.h"
#include "../engine/team.h"
#include "errors.h"
#include "faults.h"

namespace fusor::addon {

Workers::Workers(Napi::Env env) {
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto end = Napi::Function::New(env, [this](const Napi::CallbackInfo&) {
    while (!alive_.empty()) Worker::atExit(*alive_.begin());
  });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), end});
}

Worker::Worker(Workers& all, Napi::Env env, Napi::Function onEmit)
    : all_(all), env_(env), mailbox_(Mailbox::New(env, onEmit, "fusor session", 0, 1, this)) {
  // An idle session must not keep the process alive.
  mailbox_.Unref(env);
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (...) {
    mailbox_.Release();
    throw;
  }
  napi_add_env_cleanup_hook(env, atExit, this);
  all_.alive_.insert(this);
}

Worker::~Worker() {
  contained("while a session was freed", [&] { close(); });
}

void Worker::close() {
  if (!stopped_) stop();
}

void Worker::atExit(void* data) {
  auto* worker = static_cast<Worker*>(data);
  contained("at exit", [&] {
    if (worker->onExit) worker->onExit();
    faultPoint("cleanup");
  });
  contained("at exit", [&] { worker->stop(); });
}

void Worker::stop() {
  stopped_ = true;
  all_.alive_.erase(this);
  napi_remove_env_cleanup_hook(env_, atExit, this);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wake_.notify_one();
  thread_.join();
  mailbox_.Release();
}

void Worker::loop() {
  flushDenormals();
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    run(std::move(task));
  }
}

void Worker::run(Task task) {
  try {
    faultPoint("job");
    task.outcome->result = task.job();
  } catch (...) {
    task.outcome->failure = std::current_exception();
  }
  // Refused only while the environment goes down: then nobody is left to hear.
  if (mailbox_.BlockingCall(task.message.get()) == napi_ok) static_cast<void>(task.message.release());
}

Napi::Promise Worker::post(Napi::Env env, Job job, std::function<void()> done) {
  if (stopped_) throw Failure("ERR_STATE", "the process is ending · native backend");
  const auto deferred = Napi::Promise::Deferred::New(env);
  auto outcome = std::make_shared<Outcome>();
  auto message = std::make_unique<Message>([this, outcome, done = std::move(done), deferred](Napi::Env env, Napi::Function) {
    if (--pending_ == 0) mailbox_.Unref(env);
    done();
    try {
      faultPoint("settle");
      if (outcome->failure) std::rethrow_exception(outcome->failure);
      deferred.Resolve(outcome->result(env));
    } catch (...) {
      deferred.Reject(toError(env, std::current_exception()).Value());
    }
  });
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::move(job), std::move(outcome), std::move(message)});
  }
  if (pending_++ == 0) mailbox_.Ref(env);
  wake_.notify_one();
  return deferred.Promise();
}

void Worker::emit(std::function<std::vector<napi_value>(Napi::Env)> arguments) noexcept {
  contained("progress", [&] {
    faultPoint("emit");
    auto message = std::make_unique<Message>([arguments = std::move(arguments)](Napi::Env env, Napi::Function onEmit) {
      onEmit.Call(arguments(env));
    });
    if (mailbox_.NonBlockingCall(message.get()) == napi_ok) static_cast<void>(message.release());
  });
}

void Worker::deliver(Napi::Env env, Napi::Function onEmit, Worker*, Message* message) {
  const std::unique_ptr<Message> owned(message);
  // Without an environment the queue is only being emptied.
  if (env == nullptr) return;
  contained("in a callback", [&] {
    try {
      guarded(env, [&] { (*owned)(env, onEmit); });
    } catch (const Napi::Error& error) {
      // What a listener threw. By itself Node would print a warning and go on.
      if (!error.IsEmpty()) napi_fatal_exception(env, error.Value());
    }
  });
}

}  // namespace fusor::addon
