// The operations of the contract in ATen calls.
#pragma once
#include <optional>

#include "../plan.h"
#include "torch.h"

namespace fusor::framework {

// activation(x w^T + b), w [outputs, inputs] as torch keeps it; b may be undefined. oneDNN's fused linear where the
// activation has one (and z is not wanted), else at::linear. `z`, where not null, receives the value before activation.
at::Tensor dense(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, Activation activation, at::Tensor* z);

// oneDNN's linear with an activation of its own inside, "none" or "relu"; null where this libtorch has no oneDNN. Its relu
// turns NaN into 0.
using OneDnnLinear = at::Tensor (*)(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b,
                                    const char* activation);
OneDnnLinear oneDnnLinear();

at::Tensor activate(Nonlinearity activation, const at::Tensor& x);
// From y = activation(z); z is read by gelu and by what no Dense layer carries.
at::Tensor activateBackward(Nonlinearity activation, const at::Tensor& y, const at::Tensor& z, const at::Tensor& dy);

// A batch normalisation's parameters; gamma and beta may be undefined.
struct Normalization {
  at::Tensor gamma, beta, movingMean, movingVariance;
};
// By what a batch was normalised [channels]; undefined where by the moving averages.
struct Moments {
  at::Tensor mean, inverse;  // 1 / sqrt(variance + epsilon)
};
// x float32 [rows, width]. `moments`: null where nothing is trained; else what the way back and the averages need.
at::Tensor normalize(const Layer& layer, const Normalization& parameters, const at::Tensor& x, Moments* moments);
struct NormalizationGradients {
  at::Tensor dx, gamma, beta;  // gamma and beta undefined where the layer has none, or is not trained
};
NormalizationGradients normalizeBackward(const Layer& layer, const Normalization& parameters, const at::Tensor& x, const Moments& moments,
                                         const at::Tensor& dy);
// The moving averages of one more batch.
void moveAverages(const Layer& layer, Normalization& parameters, const Moments& moments);

// What a batch comes to.
struct Outcome {
  at::Tensor z;     // logits [rows, outputs]
  at::Tensor p;     // predictions; undefined where neither a metric nor the loss looks at them
  at::Tensor best;  // int64 [rows, 1]: the greatest prediction's place; undefined where nobody asks
};
Outcome outcomeOf(const Plan& plan, const at::Tensor& z);

// weight x loss of each row [rows]. targets: int64 labels [rows] or float values [rows, outputs]; weights may be undefined.
at::Tensor losses(const Plan& plan, const Outcome& outcome, const at::Tensor& targets, const at::Tensor& weights);
// The gradient of their mean with respect to the logits: scale x d. Every step back is linear, so who multiplies next takes the
// scale along, and it is no pass of its own. d may lie where the predictions were: to be asked for when all is known of them.
struct Gradient {
  at::Tensor d;
  double scale;
};
Gradient lossGradient(const Plan& plan, const Outcome& outcome, const at::Tensor& targets, const at::Tensor& weights);

// scale x a b.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, double scale);

// A metric of each row [rows], float64.
at::Tensor metric(const Plan& plan, const Metric& metric, const Outcome& outcome, const at::Tensor& targets);

// The factors [rows, outputs] of a dropout layer in a step, computed on the device: as Dropout of philox.h gives them.
at::Tensor dropoutFactors(const Plan& plan, const Layer& layer, int64_t step, int64_t rows, at::Device device);

// Shortens all gradients together to the L2 norm `most`, where they are longer.
void clip(std::vector<at::Tensor>& gradients, double most);

// What a parameter's regularizer adds to the loss, float64.
at::Tensor penalty(const Restraint& restraint, const at::Tensor& w);
// Its gradient, added to the parameter's own.
void regularize(const Restraint& restraint, const at::Tensor& w, at::Tensor& gradient);
// Shortens the rows of a kernel [outputs, inputs], or all of a bias, to maxNorm where they are longer.
void constrain(const Restraint& restraint, at::Tensor& w);

// One step of the optimiser on all parameters. slots[s][p].
void update(const Optimizer& optimizer, double rate, int64_t step, std::vector<at::Tensor>& weights,
            std::vector<at::Tensor>& gradients, std::vector<std::vector<at::Tensor>>& slots);

}  // namespace fusor::framework
