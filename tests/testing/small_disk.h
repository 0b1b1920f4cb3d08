#pragma once
#include <sys/mount.h>

#include <filesystem>
#include <string>

namespace tessera::testing {

/// A file system of a few MiB that is gone with the object; only root can have one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& at, int mebibytes = 8) : at_(at) {
    std::filesystem::create_directories(at);
    mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0,
                       ("size=" + std::to_string(mebibytes) + "m").c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string at_;
  bool mounted_ = false;
};

}  // namespace tessera::testing
