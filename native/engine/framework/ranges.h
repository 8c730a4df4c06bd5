// Phases as ranges of NVTX, which Nsight shows: through libtorch, whose CUDA build brings NVTX along.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../stamps.h"

namespace fusor {

// layers: their names. Null where this libtorch has no NVTX.
std::unique_ptr<Marker> makeRanges(std::vector<std::string> layers);

}  // namespace fusor
