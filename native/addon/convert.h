// From JavaScript values to the engine's plain data and back. TypeScript has validated everything; here only what would
// corrupt memory is checked again, and refused with ERR_NATIVE_ARG.
#pragma once
#include <napi.h>

#include "../engine/plan.h"
#include "../engine/trainer_for.h"

namespace fusor::addon {

Plan toPlan(const Napi::Value& value);
State toState(const Napi::Value& value, const Plan& plan);
Dataset toDataset(const Napi::Value& value, const Plan& plan);
// x alone: [rows, features].
Dataset toInputs(const Napi::Value& x, const Plan& plan);
// {kernels, isa, threads}, and for a GPU {device: 'cuda:N', precision, cacheFolder}.
Way toWay(const Napi::Object& options);
// 'cuda:N', 'played' or 'cpu', as Way::gpu has it.
int toGpu(const std::string& name);
Span toSpan(const Napi::Value& value, int64_t rows);

// Throws ERR_NATIVE_ARG.
void require(bool condition, const std::string& what);
int64_t toInteger(const Napi::Value& value, const char* name, int64_t least, int64_t most);
bool toFlag(const Napi::Value& value, const char* name);
std::string toText(const Napi::Value& value, const char* name);
std::vector<std::string> toTexts(const Napi::Value& value, const char* name);

Napi::Float32Array toArray(Napi::Env env, const std::vector<float>& values);
Napi::Object toObject(Napi::Env env, const State& state);
Napi::Object toObject(Napi::Env env, const Report& report);
Napi::Array toNumbers(Napi::Env env, const std::vector<double>& values);

}  // namespace fusor::addon
