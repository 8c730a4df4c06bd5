#include "worker.h"

#include "../engine/team.h"
#include "errors.h"

namespace fusor::addon {

Worker::Worker(Napi::Env env, Napi::Function onEmit)
    : env_(env), mailbox_(Mailbox::New(env, onEmit, "fusor session", 0, 1, this)) {
  // An idle session must not keep the process alive.
  mailbox_.Unref(env);
  napi_add_env_cleanup_hook(env, atExit, this);
  thread_ = std::thread([this] { loop(); });
}

Worker::~Worker() { close(); }

void Worker::close() {
  if (stopped_) return;
  napi_remove_env_cleanup_hook(env_, atExit, this);
  stop();
}

void Worker::atExit(void* data) {
  auto* worker = static_cast<Worker*>(data);
  if (worker->onExit) worker->onExit();
  worker->stop();
}

void Worker::stop() {
  stopped_ = true;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_one();
  thread_.join();
  mailbox_.Release();
}

void Worker::loop() {
  flushDenormals();
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

Napi::Promise Worker::post(Napi::Env env, Job job, std::function<void()> done) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (pending_++ == 0) mailbox_.Ref(env);
  auto run = [this, job = std::move(job), done = std::move(done), deferred] {
    Result result;
    std::exception_ptr failure;
    try {
      result = job();
    } catch (...) {
      failure = std::current_exception();
    }
    auto* message = new Message([this, result = std::move(result), failure, done, deferred](Napi::Env env, Napi::Function) {
      if (--pending_ == 0) mailbox_.Unref(env);
      done();
      try {
        if (failure) {
          deferred.Reject(toError(env, failure).Value());
        } else {
          deferred.Resolve(result(env));
        }
      } catch (...) {
        deferred.Reject(toError(env, std::current_exception()).Value());
      }
    });
    // Refused only while the environment goes down: then nobody is left to hear.
    if (mailbox_.BlockingCall(message) != napi_ok) delete message;
  };
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(run));
  }
  wake_.notify_one();
  return deferred.Promise();
}

void Worker::emit(std::function<std::vector<napi_value>(Napi::Env)> arguments) {
  auto* message = new Message([arguments = std::move(arguments)](Napi::Env env, Napi::Function onEmit) {
    onEmit.Call(arguments(env));
  });
  if (mailbox_.NonBlockingCall(message) != napi_ok) delete message;
}

void Worker::deliver(Napi::Env env, Napi::Function onEmit, Worker*, Message* message) {
  const std::unique_ptr<Message> owned(message);
  // Without an environment the queue is only being emptied.
  if (env != nullptr) (*owned)(env, onEmit);
}

}  // namespace fusor::addon
