// Compiled kernels on disk, so that a model's second run compiles nothing. An entry that is damaged is as one that is absent;
// what cannot be written is compiled again the next time.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace fusor::cuda {

class ModuleCache {
 public:
  // folder: made when something is kept; empty: nothing is kept.
  explicit ModuleCache(std::string folder) : folder_(std::move(folder)) {}

  // key: everything that the image depends on; its hash is the file's name.
  std::optional<std::vector<char>> find(const std::string& key) const;
  void keep(const std::string& key, const std::vector<char>& image) const noexcept;
  // An image that the driver refused.
  void forget(const std::string& key) const noexcept;

  std::string fileOf(const std::string& key) const;

 private:
  std::string folder_;
};

}  // namespace fusor::cuda
