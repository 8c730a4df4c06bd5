// How much of what goes into a product is not zero, and whether leaving out the products with zeros pays. The sums are the same
// either way, as long as all weights are finite: zero times infinity is NaN.
#pragma once
#include "../plan.h"

namespace fusor {

// Share of the bytes that are not zero, from a sample of the rows.
double densityOf(const Dataset& data, int features);
// The same of [rows, columns] floats: a batch, or what a layer gave.
double densityOf(const float* x, long ld, int rows, int columns);

// Whether none of them is infinite or NaN.
bool allFinite(const float* x, int64_t count);

// Measured to pay below some 0.7, from one row on to a thousand; 0.6, for a sample may be wrong.
inline bool leavesOutZeros(double density) { return density < 0.6; }
// Share of the products that are computed then.
inline double computed(double density) { return leavesOutZeros(density) ? density : 1; }

}  // namespace fusor
