#include "module_cache.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace fusor::cuda {
namespace {

namespace fs = std::filesystem;

// As FNV-1a, but eight bytes at a time. Two of them with different beginnings name an entry; one is its checksum.
uint64_t hashOf(const char* data, size_t size, uint64_t hash = 0xcbf29ce484222325ull) {
  for (size_t i = 0; i < size; i += sizeof hash) {
    uint64_t word = 0;
    std::memcpy(&word, data + i, std::min(sizeof word, size - i));
    hash = (hash ^ word) * 0x100000001b3ull;
    hash ^= hash >> 29;  // a product's low bits never hear of its high ones
  }
  return (hash ^ size) * 0x100000001b3ull;
}

// What stands before the image.
struct Head {
  char magic[8];
  uint64_t bytes, checksum;
};
constexpr char kMagic[8] = {'f', 'u', 's', 'o', 'r', 'k', 'e', '2'};

}  // namespace

std::string ModuleCache::fileOf(const std::string& key) const {
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx.bin", static_cast<unsigned long long>(hashOf(key.data(), key.size())),
                static_cast<unsigned long long>(hashOf(key.data(), key.size(), 0x9e3779b97f4a7c15ull)));
  return folder_ + "/" + name;
}

std::optional<std::vector<char>> ModuleCache::find(const std::string& key) const {
  if (folder_.empty()) return std::nullopt;
  const std::string path = fileOf(key);
  std::ifstream file(path, std::ios::binary);
  std::error_code none;
  const auto size = fs::file_size(path, none);
  Head head;
  if (none || size < sizeof head || !file.read(reinterpret_cast<char*>(&head), sizeof head)) return std::nullopt;
  std::vector<char> image(size - sizeof head);
  if (std::memcmp(head.magic, kMagic, sizeof kMagic) != 0 || head.bytes != image.size()) return std::nullopt;
  if (!file.read(image.data(), static_cast<std::streamsize>(image.size()))) return std::nullopt;
  if (head.checksum != hashOf(image.data(), image.size())) return std::nullopt;
  return image;
}

void ModuleCache::keep(const std::string& key, const std::vector<char>& image) const noexcept {
  if (folder_.empty()) return;
  try {
    static std::atomic<int> count{0};
    fs::create_directories(folder_);
    const std::string file = fileOf(key), temporary = file + "." + std::to_string(getpid()) + "." + std::to_string(count++) + ".tmp";
    Head head{{}, image.size(), hashOf(image.data(), image.size())};
    std::memcpy(head.magic, kMagic, sizeof kMagic);
    {
      std::ofstream out(temporary, std::ios::binary);
      out.write(reinterpret_cast<const char*>(&head), sizeof head);
      out.write(image.data(), static_cast<std::streamsize>(image.size()));
      out.close();
      if (!out) {
        std::error_code none;
        fs::remove(temporary, none);
        return;
      }
    }
    // No fsync: what a crash leaves of it does not match its checksum.
    fs::rename(temporary, file);
  } catch (...) {
  }
}

void ModuleCache::forget(const std::string& key) const noexcept {
  std::error_code none;
  if (!folder_.empty()) fs::remove(fileOf(key), none);
}

}  // namespace fusor::cuda
