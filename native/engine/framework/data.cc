#include "data.h"

#include "../../cuda/driver.h"
#include "../../failure.h"

namespace fusor::framework {

using at::Tensor;

Tensor Data::onHost(const Dataset& data) const {
  return data.bytes.empty() ? wrap(data.floats, {data.rows, plan_.features}, at::kFloat)
                            : wrap(data.bytes, {data.rows, plan_.features}, at::kByte);
}

const Rows& Data::on(const Dataset& data) {
  std::erase_if(resident_, [](const Rows& rows) { return rows.life.expired(); });
  for (const Rows& rows : resident_) {
    if (rows.life.lock() == data.life) return rows;
  }
  if (!torch_) resident_.clear();  // only wraps it
  try {
    resident_.push_back(torch_ ? torch_->contained([&] { return uploaded(data); }) : uploaded(data));
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") throw;
    throw withMend(failure, kLessData);
  }
  return resident_.back();
}

Rows Data::uploaded(const Dataset& data) const {
  const auto here = [&](const Tensor& all) { return all.defined() ? all.to(device()) : all; };
  const Tensor targets = plan_.labels ? wrap(data.labels, {data.rows}, at::kInt) : wrap(data.values, {data.rows, plan_.outputs}, at::kFloat);
  return {data.life, here(onHost(data)), here(targets), here(wrap(data.weights, {data.rows}, at::kFloat))};
}

Batch Data::batchOf(const Tensor& x, const Tensor& targets, const Tensor& weights) const {
  return {x, plan_.labels ? targets.to(at::kLong) : targets, weights, x.size(0)};
}

Batch Data::gather(const Rows& rows, const Tensor& order) const {
  const auto select = [&](const Tensor& all) -> Tensor {
    if (!all.defined()) return all;
    // Eight bytes at a time: torch copies element by element.
    const bool bytes = all.dim() == 2 && all.scalar_type() == at::kByte && all.size(1) % 8 == 0;
    return bytes ? all.view(at::kLong).index_select(0, order).view(at::kByte) : all.index_select(0, order);
  };
  return batchOf(select(rows.x), select(rows.targets), select(rows.weights));
}

Batch Data::slice(const Rows& rows, int64_t begin, int64_t end) const {
  const auto cut = [&](const Tensor& all) { return all.defined() ? all.slice(0, begin, end) : all; };
  return batchOf(cut(rows.x), cut(rows.targets), cut(rows.weights));
}

}  // namespace fusor::framework
