// A cuda::Device that is this CPU: compiles the kernels' own source with the C++ compiler, runs their threads as fibers.
#pragma once
#include <future>
#include <map>

#include "grid.h"

namespace fusor::cuda {

struct Kernel {
  std::shared_future<void*> library;
  std::string entry;
};

}  // namespace fusor::cuda

namespace fusor::test {

// A fault to plant in a kernel's source, so that it is seen that the tests find it.
struct Fault {
  std::string name, file, from, to;
};

struct EmulatedOptions {
  std::string folder;  // compiled kernels are kept here, by their content
  Order order = Order::Ascending;
  int multiprocessors = 4;  // few: the tiles' choice gets its turn at small sizes
  int major = 9;
  int mostInCluster = 16, mostAtOnce = 4;
  bool refuseAtOnce = false;  // launches whose blocks may wait for each other
  Fault fault;
  size_t memory = size_t{1} << 33;  // bytes that may be had at a time
};

class EmulatedDevice : public cuda::Device {
 public:
  explicit EmulatedDevice(EmulatedOptions options);
  ~EmulatedDevice() override;

  const cuda::Properties& properties() const override { return properties_; }
  const cuda::Kernel* compile(const cuda::Program& program) override;
  int mostInCluster(const cuda::Launch&) override { return options_.mostInCluster; }
  int mostAtOnce(const cuda::Launch&) override { return options_.mostAtOnce; }
  std::unique_ptr<cuda::Memory> allocate(size_t bytes) override;
  void upload(cuda::Address to, const void* from, size_t bytes) override;
  void download(void* to, cuda::Address from, size_t bytes) override;
  void fill(cuda::Address to, uint8_t value, size_t bytes) override;
  void launch(const cuda::Launch& launch) override;
  std::unique_ptr<cuda::Graph> record(const std::vector<cuda::Launch>& launches) override;
  void replay(const cuda::Graph& graph) override;
  void synchronize() override {}

  long launches() const { return launches_; }
  Grid grid;

 private:
  EmulatedOptions options_;
  std::string sources_;  // folder
  cuda::Properties properties_;
  std::map<std::string, std::unique_ptr<cuda::Kernel>> kernels_;
  long launches_ = 0;
  size_t inUse_ = 0;
};

}  // namespace fusor::test
