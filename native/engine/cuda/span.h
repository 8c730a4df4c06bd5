// A span's own arrays on the device, and what it has come to.
#pragma once
#include "../../cuda/device.h"
#include "../../kernels/cuda/params.h"
#include "data.h"
#include "stamps.h"

namespace fusor {

class CudaSpan {
 public:
  // step: steps that the optimiser has done before. stamps: null where nobody listens.
  CudaSpan(cuda::Device& device, const Plan& plan, const CudaRows& data, const Span& span, int64_t step, cuda::Control* control,
           const CudaStamps* stamps = nullptr);

  int64_t steps() const { return steps_; }
  const cuda::Control& control() const { return begun_; }  // as it began
  // Waits for what was launched; returns the steps done. Fewer than asked for where a loss was not finite.
  int64_t done();
  bool stopped() const { return end_ < steps_; }
  // The first `done` steps' losses and metrics.
  void read(Report& report, int64_t done);
  // Means over rows of what `report` holds, to whoever listens.
  void tell(const Report& report, Control& control) const;

 private:
  cuda::Device& device_;
  const Span& span_;
  const size_t metrics_;
  const int64_t steps_;
  int64_t end_;
  std::unique_ptr<cuda::Memory> order_, rates_, together_, results_;
  cuda::Control* const control_;
  cuda::Control begun_{};
};

}  // namespace fusor
