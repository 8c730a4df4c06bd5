// What plans, engines and kernels of every device call alike.
#pragma once

namespace fusor {

// Those up to Gelu a Dense layer may carry; what comes after Softmax is a layer of its own: kernels of products do not grow with it.
enum class Activation : int { Linear, Relu, Sigmoid, Tanh, Elu, Gelu, Softmax, Silu, Selu, Softplus, LeakyRelu };

// With the one constant that any of them has: the slope of LeakyRelu below 0.
struct Nonlinearity {
  Activation kind;
  float negativeSlope;

  Nonlinearity(Activation kind_, float negativeSlope_ = 0) : kind(kind_), negativeSlope(negativeSlope_) {}
};

// Of selu: Klambauer et al., NIPS 2017.
inline constexpr float kSeluScale = 1.05070098735548049342f, kSeluAlpha = 1.67326324235437728481f;

// What happens to a gradient the moment it is known. `Store` writes it over the weights: for tests and measurement.
enum class UpdateKind : int { Store, Sgd, Momentum, Nesterov, Adam, AdamW, Rmsprop };

// The constants of one step; the formulas stand in update.h. `rate` has Adam's bias correction in it.
struct Update {
  UpdateKind kind;
  float rate;
  float decay1;    // beta1, momentum or rho
  float blend1;    // 1 - decay1, rounded from float64
  float decay2;    // beta2
  float blend2;    // 1 - decay2
  float epsilon;
  float shrink;    // adamw: learning rate x weight decay
};

struct Range {
  int begin, end;
  int size() const { return end - begin; }
};

}  // namespace fusor
