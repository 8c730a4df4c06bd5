#include "network.h"

#include "../../kernels/cpu/kernels.h"
#include "../../kernels/cpu/philox.h"

namespace fusor::framework {
namespace {

using at::Tensor;

std::vector<float> copyOut(const Tensor& tensor) {
  const Tensor plain = (tensor.dim() == 2 ? tensor.t() : tensor).cpu().contiguous();
  const float* data = plain.data_ptr<float>();
  return {data, data + plain.numel()};
}

Tensor sumsOf(const std::vector<Tensor>& ofRows) {
  std::vector<Tensor> sums;
  for (const Tensor& rows : ofRows) sums.push_back(rows.sum(at::kDouble));
  return at::stack(sums);
}

}  // namespace

State Network::read() const {
  State state;
  state.step = step_;
  for (const Tensor& w : weights_) state.weights.push_back(copyOut(w));
  for (const auto& slot : slots_) {
    state.slots.emplace_back();
    for (const Tensor& s : slot) state.slots.back().push_back(copyOut(s));
  }
  return state;
}

void Network::write(const State& state) {
  step_ = state.step;
  const auto tensors = [&](const std::vector<std::vector<float>>& arrays) {
    std::vector<Tensor> list;
    for (const Layer& layer : plan_.layers) {
      bool isKernel = layer.kind == LayerKind::Dense;
      for (const auto& [rows, columns] : parametersOf(layer)) {
        const std::vector<float>& values = arrays[list.size()];
        const Tensor own = isKernel ? wrap(values, {rows, columns}, at::kFloat).t() : wrap(values, {columns}, at::kFloat);
        list.push_back(own.clone(at::MemoryFormat::Contiguous).to(device()));
        isKernel = false;
      }
    }
    return list;
  };
  weights_ = tensors(state.weights);
  slots_.clear();
  for (const auto& slot : state.slots) slots_.push_back(tensors(slot));
  takeTrained();
}

void Network::takeTrained() {
  trained_ = {};
  trained_.slots.resize(slots_.size());
  size_t p = 0;
  const auto take = [&](const Layer& layer, const Restraint& restraint) {
    if (layer.trainable) {
      trained_.weights.push_back(weights_[p]);
      for (size_t s = 0; s < slots_.size(); ++s) trained_.slots[s].push_back(slots_[s][p]);
      trained_.restraints.push_back(restraint);
    }
    ++p;
  };
  for (const Layer& layer : plan_.layers) {
    if (layer.kind == LayerKind::BatchNormalization) {
      for (int i = 0; i < layer.hasGamma + layer.hasBeta; ++i) take(layer, {});
      p += 2;
    }
    if (layer.kind != LayerKind::Dense) continue;
    take(layer, layer.kernel);
    if (layer.useBias) take(layer, layer.bias);
  }
}

// Its parameters, from the first on, as the same memory.
Normalization Network::normalizationOf(const Layer& layer, size_t p) const {
  Normalization own;
  if (layer.hasGamma) own.gamma = weights_[p++];
  if (layer.hasBeta) own.beta = weights_[p++];
  own.movingMean = weights_[p], own.movingVariance = weights_[p + 1];
  return own;
}

void Network::moveAverages(std::vector<Pass>& passes) {
  for (size_t l = 0; l < plan_.layers.size(); ++l) {
    const Layer& layer = plan_.layers[l];
    if (layer.kind != LayerKind::BatchNormalization || !layer.trainable) continue;
    framework::moveAverages(layer, passes[l].normalization, passes[l].moments);
  }
}

Tensor Network::train(const Batch& batch, int64_t number, double rate, Stamps* stamps) {
  std::vector<Pass> passes;
  const Tensor z = forward(batch.x, &number, passes, stamps);
  std::vector<Tensor> ofRows;
  Gradient last;
  {
    const Timed timed(stamps, 0, Phase::Loss);
    const Outcome outcome = outcomeOf(plan_, z);
    ofRows = resultsOf(outcome, batch);
    last = lossGradient(plan_, outcome, batch.targets, batch.weights);
  }
  std::vector<Tensor> gradients = backward(std::move(last), passes, stamps);
  Tensor added;
  {
    const Timed timed(stamps, 0, Phase::Update);
    added = penalty();
    update(std::move(gradients), rate);
    moveAverages(passes);
  }
  ++step_;
  const Timed timed(stamps, 0, Phase::Record);
  Tensor sums = sumsOf(ofRows);
  if (added.defined()) sums[0].add_(added * batch.rows);
  return sums;
}

Tensor Network::evaluate(const Batch& batch) const {
  std::vector<Pass> passes;
  return sumsOf(resultsOf(outcomeOf(plan_, forward(batch.x, nullptr, passes, nullptr)), batch));
}

Tensor Network::predict(const Tensor& x) const {
  std::vector<Pass> passes;
  return activate(plan_.output, forward(x, nullptr, passes, nullptr));
}

Tensor Network::penalty() const {
  Tensor sum;
  const auto& [weights, _, restraints] = trained_;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (restraints[i].l1 == 0 && restraints[i].l2 == 0) continue;
    const Tensor own = framework::penalty(restraints[i], weights[i]);
    sum = sum.defined() ? sum + own : own;
  }
  return sum;
}

// As a product takes it.
Tensor Network::operand(const Tensor& x) const { return precision_ == Precision::Bf16 ? x.to(at::kBFloat16) : x.to(at::kFloat); }

Tensor Network::dropoutFactors(const Layer& layer, int64_t step, int64_t rows) const {
  if (torch_) return framework::dropoutFactors(plan_, layer, step, rows, device());
  Tensor factors = at::ones({rows, layer.outputs}, at::kFloat);
  float* out = factors.data_ptr<float>();
  bestKernels()->dropout(Dropout(plan_.seed, layer.stream, step, layer.rate), 0, out, out, factors.numel());
  return factors;
}

// Logits. `step` is null where nothing is trained.
Tensor Network::forward(Tensor x, const int64_t* step, std::vector<Pass>& passes, Stamps* stamps) const {
  size_t parameter = 0;
  for (const Layer& layer : plan_.layers) {
    const Timed timed(stamps, 0, Phase::Forward, indexOf(layer));
    Pass pass;
    pass.x = x;
    switch (layer.kind) {
      case LayerKind::Rescaling:
        pass.y = x.mul(layer.scale);  // float32, also of bytes
        if (layer.offset != 0) pass.y.add_(layer.offset);
        break;
      case LayerKind::Dense: {
        pass.x = operand(x);
        pass.w = operand(weights_[parameter++]);
        const Tensor b = layer.useBias ? operand(weights_[parameter++]) : Tensor();
        pass.y = dense(pass.x, pass.w, b, layer.activation, layer.activation == Activation::Gelu ? &pass.z : nullptr);
        break;
      }
      case LayerKind::Activation:
        pass.z = x.is_floating_point() ? x : x.to(at::kFloat);
        pass.y = activate(layer.nonlinearity(), pass.z);
        break;
      case LayerKind::Dropout:
        pass.y = x.is_floating_point() ? x : x.to(at::kFloat);
        if (step) {
          pass.factors = dropoutFactors(layer, *step, x.size(0));
          pass.y = at::where(pass.factors == 0, at::zeros({}, pass.factors.options()), x * pass.factors);
        }
        break;
      case LayerKind::BatchNormalization:
        pass.x = x.to(at::kFloat);
        pass.normalization = normalizationOf(layer, parameter);
        parameter += parametersOf(layer).size();
        pass.y = normalize(layer, pass.normalization, pass.x, step ? &pass.moments : nullptr);
        break;
    }
    x = pass.y;
    passes.push_back(std::move(pass));
  }
  return x.to(at::kFloat);
}

// One for each parameter that is trained, from that of the logits.
std::vector<Tensor> Network::backward(Gradient logits, const std::vector<Pass>& passes, Stamps* stamps) const {
  auto [d, scale] = std::move(logits);
  std::vector<Tensor> gradients(trained_.weights.size());
  size_t left = gradients.size();
  for (size_t l = plan_.layers.size(); l-- > 0 && left > 0;) {
    const Layer& layer = plan_.layers[l];
    const Pass& pass = passes[l];
    const Timed timed(stamps, 0, Phase::Backward, static_cast<int>(l));
    switch (layer.kind) {
      case LayerKind::Rescaling:
        d = d.mul(layer.scale);
        break;
      case LayerKind::Dense: {
        d = activateBackward(layer.activation, pass.y, pass.z, d.to(pass.y.scalar_type()));
        if (layer.trainable && layer.useBias) {
          gradients[--left] = d.sum(0, false, at::kFloat);
          if (scale != 1) gradients[left].mul_(scale);
        }
        if (layer.trainable) gradients[--left] = product(d.t(), pass.x, scale).to(at::kFloat);
        if (left > 0) d = product(d, pass.w, scale);
        scale = 1;
        break;
      }
      case LayerKind::Activation:
        d = activateBackward(layer.nonlinearity(), pass.y, pass.z, d.to(pass.y.scalar_type()));
        break;
      case LayerKind::Dropout:
        d = at::where(pass.factors == 0, at::zeros({}, d.options()), d * pass.factors);
        break;
      case LayerKind::BatchNormalization: {
        auto own = normalizeBackward(layer, pass.normalization, pass.x, pass.moments, d.to(at::kFloat));
        d = own.dx;
        for (Tensor* const gradient : {&own.beta, &own.gamma}) {
          if (!gradient->defined()) continue;
          if (scale != 1) gradient->mul_(scale);
          gradients[--left] = *gradient;
        }
        break;
      }
    }
  }
  return gradients;
}

void Network::update(std::vector<Tensor> gradients, double rate) {
  auto& [weights, slots, restraints] = trained_;
  for (size_t i = 0; i < gradients.size(); ++i) regularize(restraints[i], weights[i], gradients[i]);
  // No list of libtorch's may be empty.
  if (!weights.empty() && accumulated(gradients)) {
    if (plan_.optimizer.clipNorm > 0) clip(gradients, plan_.optimizer.clipNorm);
    framework::update(plan_.optimizer, rate, step_ / plan_.optimizer.accumulate, weights, gradients, slots);
  }
  for (size_t i = 0; i < weights.size(); ++i) constrain(restraints[i], weights[i]);
}

// Whether this step updates: then the gradients are the means of those since the last that did.
bool Network::accumulated(std::vector<Tensor>& gradients) {
  const int64_t every = plan_.optimizer.accumulate;
  if (every == 1) return true;
  std::vector<Tensor>& sums = trained_.slots.back();
  at::_foreach_add_(sums, gradients);
  if ((step_ + 1) % every != 0) return false;
  gradients = at::_foreach_div(sums, static_cast<double>(every));
  at::_foreach_zero_(sums);
  return true;
}

// The loss of each row, and each metric.
std::vector<Tensor> Network::resultsOf(const Outcome& outcome, const Batch& batch) const {
  std::vector<Tensor> all = {losses(plan_, outcome, batch.targets, batch.weights)};
  for (const Metric& each : plan_.metrics) all.push_back(metric(plan_, each, outcome, batch.targets));
  return all;
}

}  // namespace fusor::framework
