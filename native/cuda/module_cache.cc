#include "module_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace fusor::cuda {
namespace {

namespace fs = std::filesystem;

// FNV-1a. Two of them with different beginnings name an entry; one is its checksum.
uint64_t hashOf(const char* data, size_t size, uint64_t hash = 0xcbf29ce484222325ull) {
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<unsigned char>(data[i])) * 0x100000001b3ull;
  return hash;
}

// What stands before the image.
struct Head {
  char magic[8];
  uint64_t bytes, checksum;
};
constexpr char kMagic[8] = {'f', 'u', 's', 'o', 'r', 'k', 'e', '1'};

}  // namespace

std::string ModuleCache::fileOf(const std::string& key) const {
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx.bin", static_cast<unsigned long long>(hashOf(key.data(), key.size())),
                static_cast<unsigned long long>(hashOf(key.data(), key.size(), 0x9e3779b97f4a7c15ull)));
  return folder_ + "/" + name;
}

std::optional<std::vector<char>> ModuleCache::find(const std::string& key) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream file(fileOf(key), std::ios::binary);
  std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
  Head head;
  if (!file || all.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, all.data(), sizeof head);
  all.erase(all.begin(), all.begin() + sizeof head);
  const bool whole = std::memcmp(head.magic, kMagic, sizeof kMagic) == 0 && head.bytes == all.size() &&
                     head.checksum == hashOf(all.data(), all.size());
  if (!whole) return std::nullopt;
  return all;
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
