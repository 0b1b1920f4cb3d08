#include "store/private_folder.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"

namespace tessera {

void make_private_folder(const fs::path& directory, Folder kind) {
  check_folder(directory, kind);
  if (::mkdir(directory.c_str(), 0700) != 0) make_directory(directory);
}

void close_to_others(const fs::path& directory) {
  constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
  const auto close = [&](const fs::path& path) {
    std::error_code error;
    if ((fs::status(path, error).permissions() & kOthers) == fs::perms::none || error) return;
    fs::permissions(path, kOthers, fs::perm_options::remove, error);
    if (error) fail("{}: others can use it: chmod -R go= {}", path.string(), directory.string());
  };
  close(directory);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) close(entry.path());
}

}  // namespace tessera
