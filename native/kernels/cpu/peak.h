// What a core gives at most to one instruction set: loops that do nothing but multiply-add, read, or read and write.
// Never part of training; the ceilings that a measurement is held against (bench/ceilings.h).
#pragma once

namespace fusor {

struct Peak {
  int flops;  // floating-point operations in a round
  // Both return something that depends on all they did, so that no compiler leaves it out.
  float (*multiplyAdd)(long rounds);
  float (*read)(const float* p, long n);  // n: a multiple of 256
  // x = -x: as many bytes written as read, in place, as an optimiser does.
  void (*update)(float* p, long n);
};

const Peak* scalarPeak();
const Peak* avx2Peak();
const Peak* avx512Peak();
const Peak* amxPeak();
const Peak* neonPeak();

// Of amx, as float_tiles.h multiplies; tiles.h takes half the products for a byte and a float32.
// By the name of an instruction set, as kernelsByName: null where this build or this processor lacks it.
const Peak* peakByName(const char* name);

}  // namespace fusor
