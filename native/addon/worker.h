// One OS thread for one session: a first-in-first-out list of jobs there, a mailbox back to JavaScript. Never libuv's
// pool, never the event loop.
#pragma once
#include <napi.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace fusor::addon {

class Worker;

// The workers of one environment. process.exit() runs no cleanup hooks: it would take libtorch's statics from under the
// threads that use them. So the process's 'exit' event ends them.
class Workers {
 public:
  explicit Workers(Napi::Env env);

 private:
  friend class Worker;
  std::set<Worker*> alive_;
};

class Worker {
 public:
  // Runs on the worker's thread and returns what JavaScript gets, made later on JavaScript's own thread.
  using Result = std::function<Napi::Value(Napi::Env)>;
  using Job = std::function<Result()>;
  struct Outcome {
    Result result;
    std::exception_ptr failure;
  };

  // onEmit: the function that emit() reaches.
  Worker(Workers& all, Napi::Env env, Napi::Function onEmit);
  ~Worker();  // on JavaScript's thread; waits for the job at hand
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The promise of the job's result. `done` runs on JavaScript's thread before the promise settles.
  Napi::Promise post(Napi::Env env, Job job, std::function<void()> done);
  // From the worker's thread: calls onEmit with what `arguments` makes. Does not throw: it is called in the middle of the
  // team's work; what cannot be told is lost.
  void emit(std::function<std::vector<napi_value>(Napi::Env)> arguments) noexcept;
  // Ends the thread, on JavaScript's: waits for the job at hand, forgets the others. Idempotent.
  void close();
  // Called, on JavaScript's thread, when the environment goes down while the worker is alive: must make jobs return soon.
  std::function<void()> onExit;

 private:
  using Message = std::function<void(Napi::Env, Napi::Function)>;
  static void deliver(Napi::Env env, Napi::Function onEmit, Worker* worker, Message* message);
  using Mailbox = Napi::TypedThreadSafeFunction<Worker, Message, deliver>;

  // A job and what is told when it has run. The message is made before: after the work nothing may fail.
  struct Task {
    Job job;
    std::shared_ptr<Outcome> outcome;
    std::unique_ptr<Message> message;
  };

  friend class Workers;
  static void atExit(void* worker);
  void loop();
  void run(Task task);
  void stop();

  Workers& all_;
  napi_env env_;
  Mailbox mailbox_;
  int pending_ = 0;  // promises not yet settled; JavaScript's thread only
  bool stopped_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fusor::addon
