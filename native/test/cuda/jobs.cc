#include "jobs.h"

#include <cmath>

#include "test/cases.h"

namespace fusor::test {

Layer dense(int outputs, Activation activation, bool useBias) {
  Layer layer{LayerKind::Dense, 0, outputs, useBias, activation};
  return layer;
}

Layer activationLayer(Nonlinearity activation) {
  Layer layer{LayerKind::Activation, 0, 0};
  layer.activation = activation.kind, layer.negativeSlope = activation.negativeSlope;
  return layer;
}

Layer restrained(Layer layer, Restraint kernel, Restraint bias) {
  layer.kernel = kernel, layer.bias = bias;
  return layer;
}

Layer frozen(Layer layer) {
  layer.trainable = false;
  return layer;
}

Layer rescaling(float scale, float offset) {
  Layer layer{LayerKind::Rescaling, 0, 0};
  layer.scale = scale, layer.offset = offset;
  return layer;
}

Layer dropoutLayer(double rate, uint32_t stream) {
  Layer layer{LayerKind::Dropout, 0, 0};
  layer.rate = rate, layer.stream = stream;
  return layer;
}

Job makeJob(const JobOptions& o) {
  Job job{o.name, {}, {}, {}, {}};
  Random random(17 + o.features);
  Plan& plan = job.plan;
  plan.features = o.features;
  int width = o.features;
  for (Layer layer : o.layers) {
    layer.inputs = width;
    if (layer.kind != LayerKind::Dense) layer.outputs = width;
    width = layer.outputs;
    plan.layers.push_back(layer);
    if (layer.kind != LayerKind::Dense) continue;
    std::vector<float> kernel = random.matrix(static_cast<long>(layer.inputs) * layer.outputs);
    const float limit = std::sqrt(6.0f / static_cast<float>(layer.inputs + layer.outputs));
    for (float& w : kernel) w *= limit;
    job.state.weights.push_back(kernel);
    if (layer.useBias) job.state.weights.push_back(random.matrix(layer.outputs));
  }
  plan.outputs = width;
  plan.output = o.output;
  plan.loss = o.loss;
  plan.delta = 0.4f;
  plan.labels = o.loss == LossKind::SparseCategoricalCrossentropy;
  plan.optimizer = {o.optimizer, 0.9, 0.999, 1e-7, 0.004, o.clipNorm, 0};
  const bool adam = o.optimizer == UpdateKind::Adam || o.optimizer == UpdateKind::AdamW;
  plan.optimizer.slots = adam ? 2 : o.optimizer == UpdateKind::Sgd ? 0 : 1;
  plan.optimizer.accumulate = o.accumulate;
  if (o.accumulate > 1) ++plan.optimizer.slots;
  plan.metrics = o.metrics;
  plan.seed = 0x123456789ab;
  job.state.step = 3;
  for (int s = 0; s < plan.optimizer.slots; ++s) {
    job.state.slots.emplace_back();
    for (const auto& weights : job.state.weights) {
      job.state.slots.back().push_back(random.matrix(static_cast<long>(weights.size())));
      for (float& value : job.state.slots.back().back()) value = 1e-2f * std::fabs(value);
    }
  }
  Dataset& data = job.data;
  data.rows = o.rows;
  const std::vector<float> x = random.matrix(static_cast<long>(o.rows) * o.features);
  if (o.bytes) {
    for (const float value : x) data.bytes.push_back(static_cast<uint8_t>(127.5f + 127.5f * value));
  } else {
    data.floats = x;
  }
  if (plan.labels) {
    for (int r = 0; r < o.rows; ++r) data.labels.push_back((r * 7 + r / 3) % plan.outputs);
  } else {
    const bool regression = o.loss >= LossKind::SquaredError;
    for (int r = 0; r < o.rows; ++r) {
      for (int c = 0; c < plan.outputs; ++c) {
        data.values.push_back(regression ? static_cast<float>(random.next()) : o.loss == LossKind::BinaryCrossentropy ? (r + c) % 2 : c == r % plan.outputs);
      }
    }
  }
  for (int r = 0; o.weighted && r < o.rows; ++r) data.weights.push_back(0.25f * static_cast<float>(r % 7));
  Span& span = job.span;
  span.batchSize = o.batch;
  span.firstStep = (int64_t{1} << 32) - 2;  // dropout's key has two words
  const int places = (o.steps - 1) * o.batch + (o.batch + 1) / 2;  // the last batch is shorter
  for (int i = 0; i < places; ++i) span.order.push_back(static_cast<uint32_t>((i * 13 + i / o.rows) % o.rows));
  for (int s = 0; s < o.steps; ++s) span.learningRates.push_back(1e-2f / static_cast<float>(1 + s));
  return job;
}

std::vector<JobOptions> jobTable() {
  using A = Activation;
  const auto scaled = rescaling(1.0f / 255);
  std::vector<JobOptions> all;
  const auto add = [&](const std::string& name, std::vector<Layer> layers) -> JobOptions& {
    all.push_back({});
    all.back().name = name;
    all.back().layers = std::move(layers);
    return all.back();
  };
  add("flagship, small", {scaled, dense(20, A::Relu), dense(10)});
  add("steps enough for a graph", {scaled, dense(20, A::Relu), dense(10)}).steps = 13;
  add("steps enough to choose between graph and grid", {scaled, dense(20, A::Relu), dense(10)}).steps = 27;
  for (const int batch : {1, 3, 17, 33, 65}) {
    for (const int features : {1, 3, 64}) {
      auto& job = add("batch " + std::to_string(batch) + ", features " + std::to_string(features), {scaled, dense(9, A::Relu), dense(5)});
      job.batch = batch, job.features = features, job.steps = 3;
    }
  }
  for (const int width : {1, 3, 4, 31, 32, 33, 63, 65, 129}) {
    add("hidden " + std::to_string(width), {scaled, dense(width, A::Tanh), dense(width, A::Relu), dense(3)}).batch = 37;
  }
  for (const A a : {A::Linear, A::Relu, A::Sigmoid, A::Tanh, A::Elu, A::Gelu}) {
    add("activation " + std::to_string(static_cast<int>(a)), {scaled, dense(13, a), activationLayer(a), dense(12, a), dense(4, a)});
  }
  for (const LossKind loss : {LossKind::CategoricalCrossentropy, LossKind::SparseCategoricalCrossentropy, LossKind::BinaryCrossentropy,
                              LossKind::SquaredError, LossKind::AbsoluteError, LossKind::Huber}) {
    for (const A output : {A::Softmax, A::Linear, A::Sigmoid, A::Gelu}) {
      auto& job = add("loss " + std::to_string(static_cast<int>(loss)) + ", output " + std::to_string(static_cast<int>(output)),
                      {scaled, dense(11, A::Tanh), dense(7)});
      job.loss = loss, job.output = output, job.weighted = output != A::Linear, job.bytes = false;
      job.metrics = {{MetricKind::SquaredError}, {MetricKind::AbsoluteError}, {MetricKind::TopK, 0, 3}, {MetricKind::CategoricalAccuracy}};
      if (loss == LossKind::BinaryCrossentropy) job.metrics.push_back({MetricKind::BinaryAccuracy, 0.4f});
    }
  }
  for (const UpdateKind kind : {UpdateKind::Sgd, UpdateKind::Momentum, UpdateKind::Nesterov, UpdateKind::Adam, UpdateKind::AdamW, UpdateKind::Rmsprop}) {
    for (const double clip : {0.0, 0.05}) {
      auto& job = add("optimiser " + std::to_string(static_cast<int>(kind)) + (clip > 0 ? ", clipped" : ""), {scaled, dense(18, A::Relu), dense(6)});
      job.optimizer = kind, job.clipNorm = clip;
    }
  }
  for (const UpdateKind kind : {UpdateKind::Sgd, UpdateKind::Momentum, UpdateKind::AdamW, UpdateKind::Rmsprop}) {
    auto& job = add("sums of three steps, optimiser " + std::to_string(static_cast<int>(kind)), {scaled, dense(18, A::Relu), dense(6)});
    job.optimizer = kind, job.accumulate = 3, job.steps = 8, job.clipNorm = kind == UpdateKind::Momentum ? 0.02 : 0;
  }
  add("penalties", {scaled, restrained(dense(18, A::Relu), {1e-3, 2e-3}, {0, 0.01}), restrained(dense(6), {0, 0}, {3e-3, 0})});
  add("penalties, clipped", {scaled, restrained(dense(18, A::Relu), {1e-3, 0}), dense(6)}).clipNorm = 0.05;
  add("limits of norms", {scaled, restrained(dense(37, A::Relu), {0, 0, 0.9}), restrained(dense(6), {}, {0, 0, 0.5})});
  {
    auto& job = add("all that holds weights, wide", {scaled, restrained(dense(70, A::Relu), {1e-4, 1e-3, 0.8}, {1e-3, 0, 0.7}), dropoutLayer(0.3, 1),
                                                     restrained(dense(131), {0, 1e-3, 1}, {0, 0, 0.5})});
    job.batch = 40, job.rows = 90, job.accumulate = 2, job.clipNorm = 0.1;
  }
  add("a frozen base", {scaled, frozen(dense(20, A::Relu)), dense(6)});
  add("a frozen base of several", {scaled, frozen(dense(20, A::Relu)), dropoutLayer(0.2, 1), frozen(dense(17, A::Gelu)), dense(9, A::Tanh), dense(6)});
  add("frozen between and at the end", {scaled, restrained(dense(20, A::Relu), {0, 1e-3}), frozen(restrained(dense(17, A::Gelu), {1, 1, 0.1})), dense(9, A::Tanh),
                                        frozen(dense(6))});
  add("all frozen", {scaled, frozen(dense(20, A::Relu)), frozen(dense(6))});
  add("clipping that does not bite", {scaled, dense(18, A::Relu), dense(6)}).clipNorm = 1e6;
  add("dropout", {scaled, dropoutLayer(0.2, 1), dense(13, A::Relu), dropoutLayer(0.5, 2), dense(14, A::Gelu), dropoutLayer(0.3, 3), dense(6)});
  add("three hidden layers", {scaled, dense(20, A::Relu), dropoutLayer(0.5, 1), dense(17, A::Tanh), dense(9, A::Relu), dense(5)}).batch = 19;
  add("no bias", {scaled, dense(13, A::Relu, false), dense(6, A::Linear, false)});
  add("one layer", {scaled, dense(6)});
  add("one layer, floats", {dense(6, A::Elu)}).bytes = false;
  add("no layer of weights", {scaled, activationLayer(A::Tanh)});
  add("layers before the first", {rescaling(1.0f / 255, -0.5f), activationLayer(A::Gelu), rescaling(2, 1), dense(6)});
  add("softmax before the first", {scaled, activationLayer(A::Softmax), dense(9, A::Relu), dense(6)});
  add("softmax between", {scaled, dense(12, A::Elu), activationLayer(A::Softmax), dropoutLayer(0.25, 1), dense(11, A::Gelu), activationLayer(A::Softmax), dense(6)});
  add("many layers between", {scaled, dense(12, A::Elu), rescaling(1.5f, 0.25f), activationLayer(A::Gelu), dropoutLayer(0.25, 1), activationLayer(A::Tanh), rescaling(0.5f), dense(6)});
  add("layers that no product carries", {scaled, activationLayer(A::Silu), dense(12), activationLayer(A::Silu), dense(11), activationLayer(A::Selu), dense(10), activationLayer(A::Softplus),
                                         dense(9), activationLayer({A::LeakyRelu, 0.3f}), dense(6), activationLayer(A::Silu)});
  add("layers at the end", {scaled, dense(12, A::Relu), dense(6, A::Tanh), dropoutLayer(0.25, 1), rescaling(3, 0.5f)});
  add("softmax at the end", {scaled, dense(12, A::Relu), dense(6, A::Tanh), activationLayer(A::Softmax), rescaling(3, 0.5f)});
  {
    auto& job = add("wide outputs", {scaled, dense(70, A::Relu), dense(131)});
    job.batch = 40, job.rows = 90, job.steps = 3;
  }
  {
    auto& job = add("large tiles", {scaled, dense(200, A::Relu), dense(140, A::Gelu), dropoutLayer(0.5, 1), dense(130)});
    job.batch = 130, job.rows = 150, job.steps = 2, job.features = 97;
  }
  {
    std::vector<Layer> deep{scaled};
    for (int i = 0; i < 18; ++i) deep.push_back(dense(8, A::Tanh));
    deep.push_back(dense(3));
    add("nineteen layers of weights", deep).steps = 3;
    add("nineteen, clipped", deep).clipNorm = 0.01;
    for (Layer& layer : deep) layer.kernel.l2 = 1e-3;
    add("nineteen, penalised", deep);
  }
  return all;
}

std::vector<JobOptions> clusterTable() {
  using A = Activation;
  std::vector<JobOptions> all;
  const auto add = [&](const std::string& name, int features, int units, A activation, int classes) -> JobOptions& {
    all.push_back({});
    all.back().name = name;
    all.back().features = features;
    all.back().layers = {rescaling(1.0f / 255), dense(units, activation), dense(classes)};
    all.back().steps = 4;
    return all.back();
  };
  add("whole tiles", 64, 128, A::Relu, 10);
  add("two groups of units a block, more tiles than warps", 320, 200, A::Relu, 10).steps = 2;
  add("padding everywhere, bytes one by one", 37, 20, A::Tanh, 3).weighted = true;
  {
    auto& job = add("floats, values, no bias", 50, 35, A::Sigmoid, 14);
    job.bytes = false, job.loss = LossKind::CategoricalCrossentropy, job.layers = {dense(35, A::Sigmoid, false), dense(14, A::Linear, false)};
    job.optimizer = UpdateKind::AdamW;
  }
  {
    auto& job = add("copies of 4 bytes, batch 61", 132, 128, A::Elu, 7);
    job.batch = 61, job.rows = 80, job.metrics = {}, job.optimizer = UpdateKind::Rmsprop;
  }
  {
    auto& job = add("a part in the loss for all warps but one", 140, 30, A::Relu, 10);
    job.batch = 64, job.rows = 80, job.steps = 2;
  }
  auto& job = add("one of each", 1, 1, A::Linear, 2);
  job.batch = 1, job.optimizer = UpdateKind::Nesterov;
  return all;
}

}  // namespace fusor::test
