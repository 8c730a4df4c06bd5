#include "stamps.h"

#include <cmath>

#include "emulated_device.h"
#include "engine/cuda/trainer.h"
#include "jobs.h"

namespace fusor::test {
namespace {

struct Told {
  fusor::Report report;
  State state;
  Stamps stamps;
  double began, ended;  // microseconds
};

Told train(const Job& job, const std::string& folder, const CudaOptions& how, bool stamped, const Fault& fault = {}) {
  EmulatedOptions options;
  options.fault = fault;
  options.folder = folder;
  CudaTrainer trainer(job.plan, job.state, std::make_unique<EmulatedDevice>(options), how);
  Told told;
  Control control;
  if (stamped) control.stamps = &told.stamps;
  told.began = microseconds();
  trainer.run(job.data, job.span, control, told.report);
  told.ended = microseconds();
  told.state = trainer.read();
  return told;
}

using Wanted = std::vector<CudaDoes>;

// Every step has all of `wanted`, in this order and one after the other, within the time of the call.
void judgeTrack(Judge& verdict, const Told& told, const Wanted& wanted) {
  verdict.expect(told.stamps.tracks.size() == 2 && told.stamps.leading == 1, "other tracks");
  if (told.stamps.tracks.size() != 2) return;
  const Track& track = told.stamps.tracks[1];
  verdict.expect(track.stamps.size() == wanted.size() * told.report.stepsDone, format("%zu stamps", track.stamps.size()));
  double before = told.began;
  for (size_t i = 0; i < track.stamps.size(); ++i) {
    const Stamp& stamp = track.stamps[i];
    const CudaDoes& does = wanted[i % wanted.size()];
    const double begin = track.origin + track.scale * static_cast<double>(stamp.begin), end = track.origin + track.scale * static_cast<double>(stamp.end);
    verdict.expect(stamp.phase == does.phase && stamp.layer == does.layer, format("another phase at %zu", i));
    verdict.expect(stamp.step == static_cast<int>(i / wanted.size()), format("another step at %zu", i));
    // The device's clock is placed by when the host saw the end: too late by as much as that took.
    verdict.expect(begin >= before - 1 && end >= begin && end <= told.ended, format("out of order at %zu", i));
    before = end;
  }
}

}  // namespace

void checkStamps(Report& report, const std::string& folder) {
  report.group("cuda", "stamps", "");
  const auto judge = [&](const JobOptions& options, const CudaOptions& how, const Wanted& wanted) {
    const Job job = makeJob(options);
    const Told told = train(job, folder, how, true), plain = train(job, folder, how, false);
    Judge verdict;
    judgeTrack(verdict, told, wanted);
    verdict.expect(told.state.weights == plain.state.weights && told.report.losses == plain.report.losses, "other bits than unstamped");
    report.add(options.name, verdict);
  };
  JobOptions flagship;
  flagship.name = "flagship, small";
  flagship.layers = {rescaling(1.0f / 255), dense(21, Activation::Relu), dense(10)};
  flagship.steps = 20;
  const Wanted inGraph{{Phase::Forward, 1}, {Phase::Loss, 2}, {Phase::BackwardUpdate}};
  judge(flagship, {CudaSteps::Graph}, inGraph);
  flagship.name = "in a grid";
  judge(flagship, {CudaSteps::Grid}, inGraph);
  flagship.name = "in a cluster";
  const Wanted inCluster{{Phase::Gather}, {Phase::Forward, 1}, {Phase::Forward, 2}, {Phase::Wait}, {Phase::Loss}, {Phase::Wait}, {Phase::BackwardUpdate, 2}, {Phase::BackwardUpdate, 1}, {Phase::Record}};
  judge(flagship, {}, inCluster);
  JobOptions deep;
  deep.name = "layers of their own, clipped";
  deep.layers = {dense(12), activationLayer(Activation::Softmax), dense(9, Activation::Relu), dense(5)};
  deep.clipNorm = 0.5, deep.steps = 9;
  judge(deep, {CudaSteps::Graph}, {{Phase::Forward, 0}, {Phase::Forward, 1}, {Phase::Forward, 2}, {Phase::Loss, 3}, {Phase::Backward, 2}, {Phase::Backward, 1},
                                     {Phase::Backward}, {Phase::Update}, {Phase::Update}, {Phase::Update}, {Phase::Update}});

  // What has to be found.
  const auto control = [&](const Fault& fault, const CudaOptions& how, const Wanted& wanted) {
    Judge found, verdict;
    judgeTrack(found, train(makeJob(flagship), folder, how, true, fault), wanted);
    verdict.expect(!found.passed(), "not found");
    report.add(fault.name, verdict);
  };
  control({"a launch that does not say when it began", "stamp.h", "if (block == 0) at_[0] = now;", ""}, {CudaSteps::Graph}, inGraph);
  control({"a phase of a grid that does not say when it ended", "grid.cu", "stamp_.end();", "stamp_ = {};"}, {CudaSteps::Grid}, inGraph);
  control({"a border left out", "cluster.cu", "stamps.at(step, ClusterBorder::Gradients);", ""}, {}, inCluster);
}

}  // namespace fusor::test
