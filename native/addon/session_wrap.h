// A session as JavaScript sees it: methods that copy their arguments, post a job and return a promise.
#pragma once
#include <napi.h>

#include <map>
#include <memory>

#include "../engine/plan.h"
#include "worker.h"

namespace fusor::addon {

class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
 public:
  static Napi::Function define(Napi::Env env, Workers& workers);

  // new Session(plan, state, {kernels, isa, threads, device?, precision?, cacheFolder?}, onProgress(token, stepsDone, loss, metrics))
  explicit SessionWrap(const Napi::CallbackInfo& info);
  ~SessionWrap() override;

 private:
  Napi::Value start(const Napi::CallbackInfo& info);      // () -> Promise: what takes long before the first job
  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value upload(const Napi::CallbackInfo& info);     // (examples) -> number, at once
  Napi::Value release(const Napi::CallbackInfo& info);    // (dataset)
  Napi::Value run(const Napi::CallbackInfo& info);        // (token, dataset, span, wantsProgress, delay?) -> Promise<report>; with a delay, of 0 perhaps, the report has a timeline
  Napi::Value evaluate(const Napi::CallbackInfo& info);   // (token, dataset, begin, end, batchSize) -> Promise<{loss, metrics} | null>
  Napi::Value predict(const Napi::CallbackInfo& info);    // (x) -> Promise<Float32Array>
  Napi::Value readState(const Napi::CallbackInfo& info);  // () -> Promise<state>
  Napi::Value writeState(const Napi::CallbackInfo& info); // (state) -> Promise
  Napi::Value abort(const Napi::CallbackInfo& info);      // (token): the job with this token ends after its step
  Napi::Value dispose(const Napi::CallbackInfo& info);    // () -> Promise; aborts what runs

  template <class F>
  Napi::Value entry(const Napi::CallbackInfo& info, F f);
  // ERR_STATE where the session is disposed.
  template <class F>
  Napi::Value liveEntry(const Napi::CallbackInfo& info, F f);
  // A job that may be aborted by its token has a control.
  Napi::Promise post(Napi::Env env, Worker::Job job, int64_t token = -1, std::shared_ptr<Control> control = nullptr);
  void refuseIfDisposed() const;
  void hold(int64_t bytes);  // less: negative
  std::shared_ptr<const Dataset> datasetOf(const Napi::Value& id) const;
  void abortAll();

  Plan plan_;
  std::shared_ptr<Trainer> trainer_;
  std::unique_ptr<Worker> worker_;
  std::map<int64_t, std::shared_ptr<const Dataset>> datasets_;
  std::map<int64_t, std::shared_ptr<Control>> controls_;  // of jobs not yet settled, by token
  int64_t nextDataset_ = 1;
  int64_t heldBytes_ = 0;  // reported to V8
  bool disposed_ = false;
};

}  // namespace fusor::addon
