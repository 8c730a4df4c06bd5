// The fused way to train on a GPU: a few kernels a step, many steps a graph, or many steps a launch. Data, weights and values stay on the device;
// a span's order and learning rates go there once, its losses come back once. Which step a launch does stands in device
// memory, so a graph replays unchanged. Sums have one fixed order: the same seed on the same GPU gives the same bits.
#pragma once
#include <atomic>
#include <map>
#include <optional>

#include "cluster.h"
#include "data.h"
#include "grid.h"
#include "span.h"

namespace fusor {

// Empty where the fused kernels do `plan`; else the first part of it that they do not.
std::string cudaUnsupported(const Plan& plan);

// How steps get to the GPU. Auto: where a net fits, a cluster of blocks does a span in one launch; else the faster of the other two, which
// is measured. Grid: many steps a launch; a graph where the net has none. Graph: a launch for each phase.
enum class CudaSteps { Auto, Grid, Graph };

struct CudaOptions {
  CudaSteps steps = CudaSteps::Auto;
  CudaProducts products = CudaProducts::Fp32;  // of the cluster; the other kernels multiply float32
};

std::unique_ptr<Trainer> makeCudaTrainer(const Plan& plan, const State& state, std::unique_ptr<cuda::Device> device,
                                         const CudaOptions& options = {});

class CudaTrainer : public Trainer {
 public:
  CudaTrainer(const Plan& plan, const State& state, std::unique_ptr<cuda::Device> device, const CudaOptions& options = {});

  Description describe() const override;
  void run(const Dataset& data, const Span& span, Control& control, Report& report) override;
  bool evaluate(const Dataset& data, int64_t begin, int64_t end, int batchSize, Control& control, Sums& sums) override;
  void predict(const Dataset& data, float* out) override;
  State read() override;
  void write(const State& state) override;

 private:
  // A recipe with the graphs that repeat it, by their number of steps. Kernels that stamp are others: a profile has both.
  struct Training {
    int rows = 0;
    bool bytes = false;
    CudaRecipe recipe;
    std::optional<CudaCluster> cluster;  // does many steps; there is no recipe then
    std::optional<CudaGrid> grid;        // where it is to do them
    bool chosen = false;                 // between a grid and graphs
    std::map<int, std::unique_ptr<cuda::Graph>> graphs;
  };

  // A recipe that only goes forward, kept: a span is often followed by the same evaluation.
  struct Forward {
    CudaPurpose purpose;
    bool bytes;
    int batch;
    int64_t results;
    CudaRecipe recipe;
  };

  // on: where the data is; its x becomes what the training takes.
  Training& trainingFor(int rows, const Dataset& data, CudaRows& on, bool stamped);
  const CudaRecipe& forwardFor(CudaPurpose purpose, bool bytes, int batch, int64_t results);
  // Without what is kept for speed alone, where memory is short; where it stays short the session keeps only its weights.
  template <class F>
  void withRoom(F make);
  int64_t floatsOfRow() const;
  // Between graphs and a grid, by a few steps of each, which train.
  void choose(Training& training, const CudaSpan& span);
  void tryGrid(Training& training, const CudaSpan& span);
  const cuda::Graph& graphOf(Training& training, int steps);
  cuda::Control* controlAt() const { return reinterpret_cast<cuda::Control*>(control_->address()); }
  // Steps [0, …) of a forward pass over rows [begin, end) in their own order; false when aborted.
  bool pass(const CudaRecipe& recipe, const CudaRows& rows, int64_t begin, int64_t end, int batch, Control* control,
            const std::function<void(int64_t at, int count)>& each);
  int passRows(int64_t rows) const;

  const Plan plan_;
  const CudaOptions options_;
  std::unique_ptr<cuda::Device> device_;  // outlives all that is on it
  CudaNetwork network_;
  CudaData data_;
  std::unique_ptr<cuda::Memory> control_;
  std::optional<Training> training_, stamping_;
  std::optional<Forward> forward_;
  std::atomic<const char*> kernels_{"fused"};  // of the latest training, for JavaScript's thread
  int64_t step_ = 0;
};

}  // namespace fusor
