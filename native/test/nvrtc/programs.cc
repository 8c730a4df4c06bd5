#include "programs.h"

#include <algorithm>

#include "engine/cuda/trainer.h"
#include "test/cuda/jobs.h"

namespace fusor::cuda {

struct Kernel {
  std::string name, entry;
};

}  // namespace fusor::cuda

namespace fusor::test {
namespace {

struct Nowhere : cuda::Memory {
  cuda::Address address() const override { return 0; }
};

// Takes note of programs and launches, and does nothing.
class Collector : public cuda::Device {
 public:
  Collector(std::map<std::string, Wanted>& all, int multiprocessors, int major)
      : all_(all), properties_{"none", major, 0, multiprocessors, 227 * 1024, true, 0} {}
  const cuda::Properties& properties() const override { return properties_; }
  const cuda::Kernel* compile(const cuda::Program& program) override {
    std::string name = program.file;
    for (const auto& [key, value] : program.defines) name += " " + key + "=" + value;
    Wanted& wanted = all_[name];
    if (wanted.uses.empty()) wanted.program = program;
    wanted.sample = wanted.sample || sample;
    wanted.uses[program.entry];
    kernels_.push_back(std::make_unique<cuda::Kernel>(cuda::Kernel{name, program.entry}));
    return kernels_.back().get();
  }
  int mostInCluster(const cuda::Launch&) override { return inCluster; }
  int mostAtOnce(const cuda::Launch&) override { return properties_.multiprocessors; }
  std::unique_ptr<cuda::Memory> allocate(size_t) override { return std::make_unique<Nowhere>(); }
  void upload(cuda::Address, const void*, size_t) override {}
  void download(void*, cuda::Address, size_t) override {}
  void fill(cuda::Address, uint8_t, size_t) override {}
  void launch(const cuda::Launch& launch) override {
    Use& use = all_[launch.kernel->name].uses[launch.kernel->entry];
    use.threads = std::max(use.threads, launch.block[0]);
    use.sharedBytes = std::max(use.sharedBytes, launch.sharedBytes);
    use.cluster = std::max(use.cluster, launch.cluster);
  }
  std::unique_ptr<cuda::Graph> record(const std::vector<cuda::Launch>&) override { return nullptr; }
  void replay(const cuda::Graph&) override {}
  void synchronize() override {}
  bool sample = false;  // of what is asked for from now on
  int inCluster = 16;

 private:
  std::map<std::string, Wanted>& all_;
  cuda::Properties properties_;
  std::vector<std::unique_ptr<cuda::Kernel>> kernels_;
};

void collect(const JobOptions& options, int multiprocessors, int major, bool sample, std::map<std::string, Wanted>& all) {
  const Job job = makeJob(options);
  Collector device(all, multiprocessors, major);
  const CudaNetwork network(job.plan, device);
  for (const CudaPurpose purpose : {CudaPurpose::Train, CudaPurpose::Evaluate, CudaPurpose::Predict}) {
    device.sample = sample && purpose == CudaPurpose::Train;
    const int rows = purpose == CudaPurpose::Train ? options.batch : 8192;
    for (const CudaProducts products : {CudaProducts::Fp32, CudaProducts::Tf32}) {
      for (const int blocks : {16, 8}) {
        device.inCluster = blocks;
        const auto cluster = cudaCluster(job.plan, network, device, nullptr, rows, options.bytes, products, 1);
        if (purpose != CudaPurpose::Train || !cluster) continue;
        device.launch(cluster->launch);
        CudaData(device).pieces(job.data, job.plan.features, cluster->tiles, cluster->parts);
        device.sample = false;
      }
    }
    device.sample = sample && purpose == CudaPurpose::Train;
    const CudaRecipe recipe = cudaRecipe(job.plan, network, device, nullptr, purpose, options.bytes, rows, rows);
    for (const cuda::Launch& launch : recipe.step) device.launch(launch);
    const auto launchGrid = [&](const CudaRecipe& of, bool stamped) {
      const auto grid = cudaGrid(of, device, nullptr, stamped);
      if (grid) device.launch(grid->launch);
    };
    if (purpose == CudaPurpose::Train) launchGrid(recipe, false);
    if (!device.sample) continue;
    // As a profile has them.
    device.inCluster = 16;
    const auto stamped = cudaCluster(job.plan, network, device, nullptr, rows, options.bytes, CudaProducts::Fp32, 1, true);
    if (stamped) device.launch(stamped->launch);
    const CudaRecipe stampedRecipe = cudaRecipe(job.plan, network, device, nullptr, purpose, options.bytes, rows, rows, true);
    for (const cuda::Launch& launch : stampedRecipe.step) device.launch(launch);
    launchGrid(stampedRecipe, true);
  }
  device.launch(cudaAdvance(device, nullptr, 1));
}

}  // namespace

std::map<std::string, Wanted> programsWanted(int major) {
  std::map<std::string, Wanted> all;
  for (const JobOptions& options : jobTable()) {
    for (const int multiprocessors : {4, 132}) collect(options, multiprocessors, 8, false, all);
  }
  for (const JobOptions& options : clusterTable()) collect(options, 132, major, false, all);
  JobOptions flagship;
  flagship.features = 784, flagship.batch = 32;
  flagship.layers = {rescaling(1.0f / 255), dense(128, Activation::Relu), dense(10)};
  collect(flagship, 132, major, true, all);
  return all;
}

}  // namespace fusor::test
