#include "trainings.h"

namespace fusor::test {

// Many steps in one launch: the bits of a launch for each phase, in any order of threads, on any number of blocks.
void checkGrids(Report& report) {
  report.group("cuda", "in a grid, the bits of graphs", "");
  int grids = 0, number = 0;
  for (const JobOptions& options : jobTable()) {
    const Job job = makeJob(options);
    const auto inGrid = [&](EmulatedOptions device) {
      device.folder = folder;
      CudaTrainer trainer(job.plan, job.state, std::make_unique<EmulatedDevice>(device), {CudaSteps::Grid});
      Result result = train(trainer, job);
      return std::pair{std::move(result), trainer.describe().kernels == "fused, grid"};
    };
    const Result graphs = onDevice(job, {});
    const auto [got, grid] = inGrid({});
    Judge verdict;
    verdict.expect(sameBits(got, graphs), "other bits than in graphs");
    grids += grid;
    if (grid && number++ % 4 == 0) {
      EmulatedOptions descending, shuffled, few;
      descending.order = Order::Descending, shuffled.order = Order::Shuffled;
      few.mostAtOnce = 1, few.order = Order::Shuffled;
      verdict.expect(sameBits(inGrid(descending).first, graphs), "other bits from last to first");
      verdict.expect(sameBits(inGrid(shuffled).first, graphs), "other bits in shuffled turns");
      verdict.expect(sameBits(inGrid(few).first, graphs), "other bits by one block");
    }
    report.add(options.name + (grid ? "" : ", in graphs"), verdict);
  }
  Judge enough;
  enough.expect(grids > 60, format("%d of %zu in a grid", grids, jobTable().size()));
  report.add("most nets of the table have a grid", enough);

  report.group("cuda", "a grid or graphs", "");
  Job longer = jobNamed("flagship, small");
  for (int s = static_cast<int>(longer.span.learningRates.size()); s < 150; ++s) longer.span.learningRates.push_back(1e-3f);
  longer.span.order.resize(150u * longer.span.batchSize);
  for (size_t i = 0; i < longer.span.order.size(); ++i) longer.span.order[i] = static_cast<uint32_t>(i * 11 % longer.data.rows);
  const Result graphs = onDevice(longer, {});
  for (const char* what : {"whichever is chosen", "a launch that is refused", "a GPU without"}) {
    EmulatedOptions options;
    options.folder = folder;
    options.major = 8;  // no cluster
    const bool refused = what[2] == 'l', without = what[2] == 'G';
    options.refuseAtOnce = refused;
    if (without) options.mostAtOnce = 0;
    CudaTrainer trainer(longer.plan, longer.state, std::make_unique<EmulatedDevice>(options), {});
    Judge verdict;
    verdict.expect(sameBits(train(trainer, longer), graphs), "other bits");
    const std::string kernels = trainer.describe().kernels;
    verdict.expect(kernels == "fused" || (kernels == "fused, grid" && !refused && !without), kernels);
    report.add(what, verdict);
  }
}

}  // namespace fusor::test
