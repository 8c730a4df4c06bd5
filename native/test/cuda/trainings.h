// Trainings on the emulated device, and what is said of two of them.
#pragma once
#include <string>
#include <vector>

#include "engine/cuda/trainer.h"
#include "emulated_device.h"
#include "jobs.h"
#include "test/judge.h"

namespace fusor::test {

extern std::string folder;  // keeps compiled kernels

struct Result {
  fusor::Report report;
  State state;
  fusor::Sums sums;
  std::vector<float> predictions;
};

// Two spans, an evaluation of some rows, predictions.
Result train(Trainer& trainer, const Job& job);
// leaveOut: a barrier's number, or -1.
Result onDevice(const Job& job, EmulatedOptions options, int leaveOut = -1, const CudaOptions& how = {CudaSteps::Graph});

double distance(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& wanted);
Judge judge(const Result& got, const Result& wanted);
bool sameBits(const Result& a, const Result& b);

Job jobNamed(const std::string& name);
// With a loss that is not finite in its third step.
Job brokenJob(Job job);

// Groups of cases, a file each.
void checkSpans(Report& report, CudaSteps steps);
void checkGrids(Report& report);
void runControls(Report& report);

}  // namespace fusor::test
