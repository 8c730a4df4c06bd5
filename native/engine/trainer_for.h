// The dispatch table: which trainer runs a plan.
#pragma once
#include <memory>
#include <string>

#include "plan.h"

namespace fusor {

// Of matrix products on a GPU. Everything else is float32.
enum class Precision { Fp32, Tf32, Bf16 };

// What was asked for.
struct Way {
  std::string kernels = "auto";  // "auto", "fused" or "framework"
  std::string isa = "auto";      // of the CPU: "auto" or the name of a table in kernels.h
  int threads = 0;               // 0 = one a core
  int gpu = kCpu;                // number of the GPU, or one of these
  // The CPU plays a GPU, for tests: all but the device itself runs without one.
  static constexpr int kCpu = -1, kPlayed = -2;
  Precision precision = Precision::Fp32;
  std::string cacheFolder;  // for compiled kernels; empty: none are kept
};

// Why fused kernels do not run a plan that way, as one sentence; empty where they do.
std::string fusedObstacle(const Plan& plan, const Way& way);

// A trainer on a GPU is made at its first use, in the thread that uses it. Throws Failure where that cannot be had here.
std::unique_ptr<Trainer> trainerFor(const Plan& plan, const State& state, const Way& way);

}  // namespace fusor
