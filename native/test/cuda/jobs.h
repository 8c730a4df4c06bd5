// Small trainings, each a corner of the contract: plan, data, span.
#pragma once
#include "engine/plan.h"

namespace fusor::test {

struct Job {
  std::string name;
  Plan plan;
  State state;
  Dataset data;
  Span span;
};

struct JobOptions {
  std::string name;
  int features = 37;
  std::vector<Layer> layers;  // `inputs` are filled in
  Activation output = Activation::Softmax;
  LossKind loss = LossKind::SparseCategoricalCrossentropy;
  UpdateKind optimizer = UpdateKind::Adam;
  double clipNorm = 0;
  int64_t accumulate = 1;
  std::vector<Metric> metrics = {{MetricKind::CategoricalAccuracy}};
  bool bytes = true, weighted = false;
  int rows = 41, batch = 16, steps = 6;
};

Layer dense(int outputs, Activation activation = Activation::Linear, bool useBias = true);
Layer activationLayer(Nonlinearity activation);
// A layer that is held to something, or not trained.
Layer restrained(Layer layer, Restraint kernel, Restraint bias = {});
Layer frozen(Layer layer);
Layer rescaling(float scale, float offset = 0);
Layer dropoutLayer(double rate, uint32_t stream);

Job makeJob(const JobOptions& options);

// The table that every way to train has to pass.
std::vector<JobOptions> jobTable();

// Nets that fit a cluster of blocks (engine/cuda/cluster.h).
std::vector<JobOptions> clusterTable();

}  // namespace fusor::test
