#include "convert.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <new>
#include <utility>

#include "../engine/fresh_memory.h"
#include "../failure.h"

namespace fusor::addon {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 31;

[[noreturn]] void refuse(const std::string& what) { throw Failure("ERR_NATIVE_ARG", what); }

Napi::Object toObjectOf(const Napi::Value& value, const char* name) {
  require(value.IsObject(), std::string(name) + " must be an object");
  return value.As<Napi::Object>();
}

Napi::Array toList(const Napi::Value& value, const char* name) {
  require(value.IsArray(), std::string(name) + " must be an array");
  return value.As<Napi::Array>();
}

double toNumber(const Napi::Value& value, const char* name) {
  require(value.IsNumber(), std::string(name) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

double numberAt(const Napi::Object& object, const char* name) { return toNumber(object.Get(name), name); }

int widthAt(const Napi::Object& object, const char* name) {
  return static_cast<int>(toInteger(object.Get(name), name, 1, kMostElements - 1));
}

bool flagAt(const Napi::Object& object, const char* name) { return toFlag(object.Get(name), name); }

template <class T>
T oneOf(const Napi::Value& value, const char* name, std::initializer_list<std::pair<const char*, T>> choices) {
  const std::string text = toText(value, name);
  for (const auto& [choice, result] : choices) {
    if (text == choice) return result;
  }
  refuse(std::string(name) + " '" + text.substr(0, 40) + "' is not known");
}

Activation toActivation(const Napi::Value& value) {
  return oneOf<Activation>(value, "activation",
                           {{"linear", Activation::Linear},
                            {"relu", Activation::Relu},
                            {"sigmoid", Activation::Sigmoid},
                            {"tanh", Activation::Tanh},
                            {"elu", Activation::Elu},
                            {"gelu", Activation::Gelu},
                            {"softmax", Activation::Softmax},
                            {"silu", Activation::Silu},
                            {"selu", Activation::Selu},
                            {"softplus", Activation::Softplus},
                            {"leakyRelu", Activation::LeakyRelu}});
}

// The elements of a typed array of one type, copied. JavaScript may write to it, or another realm own its class: the
// type tag is what counts.
template <class T>
std::vector<T> copyOf(const Napi::Value& value, napi_typedarray_type type, const char* name, int64_t count) {
  require(value.IsTypedArray(), std::string(name) + " must be a typed array");
  // Asked for the memory itself: the array's buffer may be a SharedArrayBuffer, which is no ArrayBuffer to Node-API.
  napi_typedarray_type found;
  size_t elements = 0;
  void* data = nullptr;
  require(napi_get_typedarray_info(value.Env(), value, &found, &elements, &data, nullptr, nullptr) == napi_ok,
          std::string(name) + " cannot be read");
  require(found == type, std::string(name) + " has the wrong element type");
  const auto length = static_cast<int64_t>(elements);
  require(count < 0 || length == count,
          std::string(name) + " has " + std::to_string(length) + " elements, needs " + std::to_string(count));
  if (length == 0) return {};
  require(data != nullptr, std::string(name) + " is detached");
  // Aligned: a typed array's offset is a multiple of its element's size.
  const auto* first = static_cast<const T*>(data);
  std::vector<T> values;
  values.reserve(elements);
  provide(values.data(), elements * sizeof(T));
  values.assign(first, first + length);
  return values;
}

std::vector<float> floatsOf(const Napi::Value& value, const char* name, int64_t count) {
  return copyOf<float>(value, napi_float32_array, name, count);
}

Napi::Value optional(const Napi::Object& o, const std::string& name) { return o.Has(name) ? o.Get(name) : o.Env().Undefined(); }

// A parameter's regularizer and constraint; `of` is the parameter, kernel or bias.
Restraint toRestraint(const Napi::Object& o, const std::string& of) {
  Restraint restraint;
  if (const Napi::Value value = optional(o, of + "Regularizer"); !value.IsUndefined()) {
    const Napi::Object regularizer = toObjectOf(value, "a regularizer");
    restraint.l1 = numberAt(regularizer, "l1");
    restraint.l2 = numberAt(regularizer, "l2");
  }
  if (const Napi::Value value = optional(o, of + "Constraint"); !value.IsUndefined())
    restraint.maxNorm = numberAt(toObjectOf(value, "a constraint"), "maxNorm");
  return restraint;
}

Layer toLayer(const Napi::Object& o) {
  Layer layer{oneOf<LayerKind>(o.Get("kind"), "layer kind",
                               {{"rescaling", LayerKind::Rescaling},
                                {"dense", LayerKind::Dense},
                                {"activation", LayerKind::Activation},
                                {"dropout", LayerKind::Dropout},
                                {"batchNormalization", LayerKind::BatchNormalization}}),
              0, 0};
  if (const Napi::Value trainable = optional(o, "trainable"); !trainable.IsUndefined()) {
    layer.trainable = toFlag(trainable, "trainable");
  }
  if (layer.kind == LayerKind::Dense) {
    layer.inputs = widthAt(o, "inputs");
    layer.outputs = widthAt(o, "outputs");
    require(int64_t{layer.inputs} * layer.outputs < kMostElements, "a kernel has too many elements");
    layer.useBias = flagAt(o, "useBias");
    layer.activation = toActivation(o.Get("activation"));
    require(layer.activation < Activation::Softmax, "this activation cannot be part of a dense layer");
    layer.name = toText(o.Get("name"), "name");
    if (!layer.trainable) return layer;
    layer.kernel = toRestraint(o, "kernel");
    if (layer.useBias) layer.bias = toRestraint(o, "bias");
    return layer;
  }
  layer.inputs = layer.outputs = widthAt(o, "width");
  if (layer.kind == LayerKind::Rescaling) {
    layer.scale = static_cast<float>(numberAt(o, "scale"));
    layer.offset = static_cast<float>(numberAt(o, "offset"));
  } else if (layer.kind == LayerKind::Activation) {
    layer.activation = toActivation(o.Get("activation"));
    if (layer.activation == Activation::LeakyRelu) layer.negativeSlope = static_cast<float>(numberAt(o, "negativeSlope"));
  } else if (layer.kind == LayerKind::BatchNormalization) {
    layer.channels = widthAt(o, "channels");
    require(layer.inputs % layer.channels == 0, "the width must be a multiple of the channels");
    layer.momentum = numberAt(o, "momentum");
    layer.epsilon = numberAt(o, "epsilon");
    layer.hasGamma = flagAt(o, "scale");
    layer.hasBeta = flagAt(o, "center");
  } else {
    layer.rate = numberAt(o, "rate");
    require(layer.rate >= 0 && layer.rate < 1, "rate must be in [0, 1)");
    layer.stream = static_cast<uint32_t>(toInteger(o.Get("stream"), "stream", 0, (1 << 24) - 1));
  }
  return layer;
}

Optimizer toBareOptimizer(const Napi::Object& o) {
  Optimizer result{oneOf<UpdateKind>(o.Get("kind"), "optimizer kind",
                                     {{"sgd", UpdateKind::Sgd},
                                      {"adam", UpdateKind::Adam},
                                      {"adamw", UpdateKind::AdamW},
                                      {"rmsprop", UpdateKind::Rmsprop}})};
  if (const Napi::Value norm = optional(o, "clipNorm"); !norm.IsUndefined()) result.clipNorm = numberAt(o, "clipNorm");
  if (result.kind == UpdateKind::Sgd) {
    result.decay1 = numberAt(o, "momentum");
    if (result.decay1 > 0) {
      result.kind = flagAt(o, "nesterov") ? UpdateKind::Nesterov : UpdateKind::Momentum;
      result.slots = 1;
    }
    return result;
  }
  result.epsilon = numberAt(o, "epsilon");
  if (result.kind == UpdateKind::Rmsprop) {
    result.decay1 = numberAt(o, "rho");
    result.slots = 1;
    return result;
  }
  result.decay1 = numberAt(o, "beta1");
  result.decay2 = numberAt(o, "beta2");
  result.slots = 2;
  if (result.kind == UpdateKind::AdamW) result.weightDecay = numberAt(o, "weightDecay");
  return result;
}

Optimizer toOptimizer(const Napi::Object& o) {
  Optimizer result = toBareOptimizer(o);
  if (const Napi::Value steps = optional(o, "gradientAccumulationSteps"); !steps.IsUndefined()) {
    result.accumulate = toInteger(steps, "gradientAccumulationSteps", 2, kMostElements);
    ++result.slots;
  }
  return result;
}

Metric toMetric(const Napi::Object& o) {
  Metric metric{oneOf<MetricKind>(o.Get("kind"), "metric kind",
                                  {{"categoricalAccuracy", MetricKind::CategoricalAccuracy},
                                   {"binaryAccuracy", MetricKind::BinaryAccuracy},
                                   {"topK", MetricKind::TopK},
                                   {"meanSquaredError", MetricKind::SquaredError},
                                   {"meanAbsoluteError", MetricKind::AbsoluteError}})};
  if (metric.kind == MetricKind::BinaryAccuracy) metric.threshold = static_cast<float>(numberAt(o, "threshold"));
  if (metric.kind == MetricKind::TopK) metric.k = static_cast<int>(toInteger(o.Get("k"), "k", 1, kMostElements - 1));
  return metric;
}

}  // namespace

void require(bool condition, const std::string& what) {
  if (!condition) refuse(what);
}

int64_t toInteger(const Napi::Value& value, const char* name, int64_t least, int64_t most) {
  const double number = toNumber(value, name);
  // Compared as a double first: a conversion out of range is undefined.
  require(number >= static_cast<double>(least) && number <= static_cast<double>(most) &&
              number == static_cast<double>(static_cast<int64_t>(number)),
          std::string(name) + " must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<int64_t>(number);
}

bool toFlag(const Napi::Value& value, const char* name) {
  require(value.IsBoolean(), std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string toText(const Napi::Value& value, const char* name) {
  require(value.IsString(), std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::string> toTexts(const Napi::Value& value, const char* name) {
  const Napi::Array list = toList(value, name);
  std::vector<std::string> texts;
  // Asked once: a getter that lengthens the list would keep us here for ever.
  for (uint32_t i = 0, count = list.Length(); i < count; ++i) texts.push_back(toText(list.Get(i), name));
  return texts;
}

Plan toPlan(const Napi::Value& value) {
  const Napi::Object o = toObjectOf(value, "plan");
  Plan plan{};
  plan.features = widthAt(o, "features");
  plan.outputs = widthAt(o, "outputs");
  const Napi::Array layers = toList(o.Get("layers"), "layers");
  int width = plan.features;
  for (uint32_t i = 0, count = layers.Length(); i < count; ++i) {
    plan.layers.push_back(toLayer(toObjectOf(layers.Get(i), "layer")));
    require(plan.layers.back().inputs == width, "the widths of the layers do not fit together");
    width = plan.layers.back().outputs;
  }
  require(width == plan.outputs, "the last layer's width is not the plan's outputs");
  plan.output = toActivation(o.Get("output"));
  require(plan.output <= Activation::Softmax, "this activation cannot be the output's");
  plan.labels = oneOf<bool>(o.Get("targets"), "targets", {{"labels", true}, {"values", false}});
  const Napi::Object loss = toObjectOf(o.Get("loss"), "loss");
  plan.loss = oneOf<LossKind>(loss.Get("kind"), "loss kind",
                              {{"categoricalCrossentropy", LossKind::CategoricalCrossentropy},
                               {"sparseCategoricalCrossentropy", LossKind::SparseCategoricalCrossentropy},
                               {"binaryCrossentropy", LossKind::BinaryCrossentropy},
                               {"meanSquaredError", LossKind::SquaredError},
                               {"meanAbsoluteError", LossKind::AbsoluteError},
                               {"huber", LossKind::Huber}});
  if (plan.loss == LossKind::Huber) plan.delta = static_cast<float>(numberAt(loss, "delta"));
  require(plan.labels == (plan.loss == LossKind::SparseCategoricalCrossentropy), "targets do not fit the loss");
  plan.optimizer = toOptimizer(toObjectOf(o.Get("optimizer"), "optimizer"));
  const Napi::Array metrics = toList(o.Get("metrics"), "metrics");
  for (uint32_t i = 0, count = metrics.Length(); i < count; ++i) {
    plan.metrics.push_back(toMetric(toObjectOf(metrics.Get(i), "metric")));
    require(!plan.labels || plan.metrics.back().kind != MetricKind::BinaryAccuracy, "binaryAccuracy needs values as targets");
  }
  plan.seed = static_cast<uint64_t>(toInteger(o.Get("seed"), "seed", 0, (int64_t{1} << 53) - 1));
  return plan;
}

State toState(const Napi::Value& value, const Plan& plan) {
  const Napi::Object o = toObjectOf(value, "state");
  const auto parameters = [&](const Napi::Value& list, const char* name) {
    const Napi::Array arrays = toList(list, name);
    std::vector<std::vector<float>> result;
    const auto take = [&](int64_t count) {
      result.push_back(floatsOf(arrays.Get(static_cast<uint32_t>(result.size())), name, count));
    };
    for (const Layer& layer : plan.layers) {
      for (const Shape& shape : parametersOf(layer)) take(shape.count());
    }
    require(arrays.Length() == result.size(), std::string(name) + " has the wrong number of arrays");
    return result;
  };
  State state;
  state.step = toInteger(o.Get("step"), "step", 0, (int64_t{1} << 53) - 1);
  state.weights = parameters(o.Get("weights"), "weights");
  const Napi::Array slots = toList(o.Get("slots"), "slots");
  require(static_cast<int>(slots.Length()) == plan.optimizer.slots, "slots do not fit the optimizer");
  for (int s = 0; s < plan.optimizer.slots; ++s) state.slots.push_back(parameters(slots.Get(static_cast<uint32_t>(s)), "slots"));
  return state;
}

int toGpu(const std::string& name) {
  const bool numbered = name.starts_with("cuda:") && name.size() > 5 && name.size() < 9 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
  require(name == "cpu" || name == "played" || numbered, "device '" + name.substr(0, 40) + "' is not known");
  return numbered ? std::stoi(name.substr(5)) : name == "played" ? Way::kPlayed : Way::kCpu;
}

Way toWay(const Napi::Object& o) {
  Way way;
  way.kernels = oneOf<const char*>(o.Get("kernels"), "kernels", {{"auto", "auto"}, {"fused", "fused"}, {"framework", "framework"}});
  way.isa = toText(o.Get("isa"), "isa");
  way.threads = static_cast<int>(toInteger(o.Get("threads"), "threads", 0, 1024));
  const Napi::Value device = o.Get("device"), precision = o.Get("precision"), folder = o.Get("cacheFolder");
  if (!device.IsUndefined()) way.gpu = toGpu(toText(device, "device"));
  if (!precision.IsUndefined()) {
    way.precision = oneOf<Precision>(precision, "precision", {{"fp32", Precision::Fp32}, {"tf32", Precision::Tf32}, {"bf16", Precision::Bf16}});
    require(way.gpu != Way::kCpu || way.precision == Precision::Fp32, "a CPU computes in fp32");
  }
  if (!folder.IsUndefined()) way.cacheFolder = toText(folder, "cacheFolder");
  return way;
}

Dataset toInputs(const Napi::Value& x, const Plan& plan) {
  require(x.IsTypedArray(), "x must be a typed array");
  Dataset data;
  if (x.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    data.bytes = copyOf<uint8_t>(x, napi_uint8_array, "x", -1);
  } else {
    data.floats = floatsOf(x, "x", -1);
  }
  const auto elements = static_cast<int64_t>(data.bytes.size() + data.floats.size());
  require(elements % plan.features == 0, "x does not hold whole rows");
  data.rows = elements / plan.features;
  require(data.rows < kMostElements, "x has too many rows");
  return data;
}

Dataset toDataset(const Napi::Value& value, const Plan& plan) {
  const Napi::Object o = toObjectOf(value, "examples");
  Dataset data = toInputs(o.Get("x"), plan);
  require(data.rows > 0 && data.rows == toInteger(o.Get("rows"), "rows", 1, kMostElements - 1), "rows do not fit x");
  if (plan.labels) {
    data.labels = copyOf<int32_t>(o.Get("y"), napi_int32_array, "y", data.rows);
    const auto known = [&](int32_t label) { return label >= 0 && label < plan.outputs; };
    require(std::all_of(data.labels.begin(), data.labels.end(), known), "a label is out of range");
  } else {
    data.values = floatsOf(o.Get("y"), "y", data.rows * plan.outputs);
  }
  const Napi::Value weights = o.Get("weights");
  if (!weights.IsUndefined()) data.weights = floatsOf(weights, "weights", data.rows);
  return data;
}

Span toSpan(const Napi::Value& value, int64_t rows) {
  const Napi::Object o = toObjectOf(value, "span");
  Span span;
  span.order = copyOf<uint32_t>(o.Get("order"), napi_uint32_array, "order", -1);
  require(std::all_of(span.order.begin(), span.order.end(), [&](uint32_t row) { return row < rows; }), "order names a row that is not there");
  span.batchSize = widthAt(o, "batchSize");
  span.firstStep = toInteger(o.Get("firstStep"), "firstStep", 0, (int64_t{1} << 53) - 1);
  const auto total = static_cast<int64_t>(span.order.size());
  span.learningRates = floatsOf(o.Get("learningRates"), "learningRates", (total + span.batchSize - 1) / span.batchSize);
  return span;
}

Napi::Float32Array toArray(Napi::Env env, const std::vector<float>& values) {
  // By JavaScript's constructor, which throws where there is no memory: Node-API's own call ends the process.
  const auto constructor = env.Global().Get("Float32Array").As<Napi::Function>();
  Napi::Float32Array array;
  try {
    array = constructor.New({Napi::Number::New(env, static_cast<double>(values.size()))}).As<Napi::Float32Array>();
  } catch (const Napi::Error&) {
    throw std::bad_alloc();
  }
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(float));
  return array;
}

static Napi::Array toArrays(Napi::Env env, const std::vector<std::vector<float>>& list) {
  Napi::Array arrays = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); ++i) arrays.Set(static_cast<uint32_t>(i), toArray(env, list[i]));
  return arrays;
}

Napi::Object toObject(Napi::Env env, const State& state) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("step", static_cast<double>(state.step));
  object.Set("weights", toArrays(env, state.weights));
  Napi::Array slots = Napi::Array::New(env, state.slots.size());
  for (size_t s = 0; s < state.slots.size(); ++s) slots.Set(static_cast<uint32_t>(s), toArrays(env, state.slots[s]));
  object.Set("slots", slots);
  return object;
}

Napi::Object toObject(Napi::Env env, const Report& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("stepsDone", static_cast<double>(report.stepsDone));
  object.Set("stopped", report.aborted ? "aborted" : "finished");
  object.Set("losses", toArray(env, report.losses));
  object.Set("metrics", toArrays(env, report.metrics));
  object.Set("finite", report.finite);
  return object;
}

Napi::Array toNumbers(Napi::Env env, const std::vector<double>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), values[i]);
  return array;
}

}  // namespace fusor::addon
