// Drives the real Device (native/cuda) over libraries that are told how to fail: fusor_driver_test STEP… prints a line a step,
// "STEP ok …" or "STEP CODE message". Steps: devices, open, compile, refuse, launch, wide (a launch that cannot be), together (blocks that may wait for each other), crowd (one more than run at once), graph,
// events, copy, large (more memory than there is), wait, close.
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>

#include "cuda/driver.h"
#include "cuda/driver_device.h"
#include "cuda/sources.h"

namespace fusor::cuda {

const std::vector<Source>& kernelSources() {
  static const std::vector<Source> sources = {{"k.cu", "a kernel"}, {"p.h", "a header"}};
  return sources;
}

namespace {

using Text = std::string;

struct Steps {
  std::unique_ptr<Device> device;
  std::unique_ptr<Memory> memory;
  std::unique_ptr<Graph> graph;

  Launch launchOf(uint32_t threads) {
    return {device->compile({"k.cu", "k", {{"N", "3"}}}), {1, 1, 1}, {threads, 1, 1}, 1, 64 * 1024, std::vector<std::byte>(8)};
  }

  Text run(const Text& step, const Text& cache, const Text& nvrtc) {
    if (step == "devices") {
      const Properties p = devicesHere().at(0);
      return p.name + " " + std::to_string(p.major) + "." + std::to_string(p.minor);
    }
    if (step == "open") {
      device = makeDriverDevice(plainPlace(0), {cache, {nvrtc}});
      return std::to_string(device->properties().memoryBytes >> 20) + " MiB";
    }
    if (!device) throw std::logic_error("open comes first");
    if (step == "compile") return launchOf(1).kernel == launchOf(1).kernel ? "once" : "twice";
    if (step == "refuse") return device->compile({"k.cu", "k", {{"N", "refuse"}}}), "";
    if (step == "launch") return device->launch(launchOf(32)), "";
    if (step == "wide") return device->launch(launchOf(2048)), "";
    if (step == "together" || step == "crowd") {
      Launch launch = launchOf(256);
      launch.atOnce = true;
      const int most = device->mostAtOnce(launch);
      launch.grid[0] = most + (step == "crowd");
      if (launch.grid[0] > 0) device->launch(launch);
      return std::to_string(most);
    }
    if (step == "graph") {
      graph = device->record({launchOf(32), launchOf(32)});
      return device->replay(*graph), "";
    }
    if (step == "events") {
      const DriverApi& api = driver();
      Event events[2];
      for (Event& event : events) check(api.eventCreate(&event, 0), 0, "making an event");
      check(api.eventRecord(events[0], nullptr), 0, "recording an event");
      for (int i = 0; i < 3; ++i) device->launch(launchOf(32));
      check(api.eventRecord(events[1], nullptr), 0, "recording an event");
      float milliseconds = 0;
      check(api.eventElapsedTime(&milliseconds, events[0], events[1]), 0, "reading an event");
      for (const Event event : events) api.eventDestroy(event);
      return std::to_string(milliseconds);
    }
    if (step == "copy") {
      memory = device->allocate(16);
      char there[16] = "fifteen letters", back[16];
      device->upload(memory->address(), there, 16);
      device->fill(memory->address(), 'F', 1);
      device->download(back, memory->address(), 16);
      return back;
    }
    if (step == "large") return device->allocate(size_t{400} << 20), "";
    if (step == "wait") return device->synchronize(), "";
    if (step == "close") return graph.reset(), memory.reset(), device.reset(), "";
    throw std::logic_error("no such step");
  }
};

}  // namespace
}  // namespace fusor::cuda

// fusor_driver_test CACHE NVRTC STEP…
int main(int count, char** arguments) {
  fusor::cuda::Steps steps;
  for (int i = 3; i < count; ++i) {
    try {
      std::printf("%s ok %s\n", arguments[i], steps.run(arguments[i], arguments[1], arguments[2]).c_str());
    } catch (const fusor::Failure& failure) {
      std::printf("%s %s %s\n", arguments[i], failure.code().c_str(), failure.what());
    }
    std::fflush(stdout);
  }
}
