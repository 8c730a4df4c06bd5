// What the team shares during a span.
#pragma once
#include "trainer.h"

namespace fusor {

struct FusedTrainer::Run {
  Control& control;
  Report& report;
  Input input = Input::Floats;
  int blockRows = 0, blocks = 0;  // of a whole batch: it is taken through the network in blocks of so many rows
  bool summed = false, ahead = false;  // as Step has them
  // Whether all meet before they read the batch. Where all that a member reads of it, and of the weights, is its own until the parts of
  // the logits meet, the step before may still be on its way elsewhere.
  bool waits = true;
  std::vector<Batch> batches{};  // by parity of the block: its rows are gathered while others still use the last block's
  std::vector<double> losses{}, metrics{};  // one a row
  std::vector<Source> sources{};            // one a member
  double lossSum = 0;
  std::vector<double> metricSums{}, means{};  // one a metric
  int64_t rowsDone = 0;
  bool stop = false;  // written by member 0 before a barrier, read by all after it
};

}  // namespace fusor
