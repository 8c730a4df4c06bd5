// The loss step: predictions, loss, metrics and the gradient with respect to the logits.
#pragma once
#include "../../kernels/cpu/kernels.h"
#include "../plan.h"

namespace fusor {

// A batch's targets: one of the two.
struct Targets {
  const int32_t* labels;  // [rows]
  const float* values;    // [rows, outputs]
};

struct LossRows {
  const float* z;        // logits [rows, ld]
  float* dz;             // gradient [rows, ld], whose padding stays as it is; null when only the loss is wanted
  long ld;
  Targets targets;
  const float* weights;  // [rows] or null
  int batchRows;         // what the mean is over
  double* losses;        // [rows]: weight x loss
  double* metrics;       // [rows, plan.metrics.size()]
  Range rows;
  float* scratch;        // [lossScratch(ld)]
};

// Logits to predictions, of rows one after the other [rows, outputs]. In place is fine.
void activateRows(const Plan& plan, const Kernels& kernels, const float* z, float* p, int rows);

size_t lossScratch(long ld);
void lossRows(const Plan& plan, const Kernels& kernels, const LossRows& step);

// The plan's metrics of one row, from its predictions: out[metric].
void metricsOfRow(const Plan& plan, const float* p, const int32_t* label, const float* values, double* out);

}  // namespace fusor
