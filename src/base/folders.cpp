#include "base/folders.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/safetensors.h"
#include "base/texts.h"

namespace tessera {
namespace {

constexpr const char* kLockFile = ".tessera-lock";

// An entry that says something about its folder.
bool counts(const fs::path& entry) {
  const std::string name = entry.filename().string();
  return !name.starts_with('.') && name != "lost+found";
}

std::vector<std::string> content_names(const fs::path& directory, std::size_t most) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (!counts(entry.path())) continue;
      names.push_back(entry.path().filename().string());
      if (names.size() == most) break;
    }
  } catch (const fs::filesystem_error& error) {
    fail("{}: cannot look into the folder: {}", directory.string(), error.code().message());
  }
  std::ranges::sort(names);
  return names;
}

bool has_fields(std::string_view content, std::initializer_list<const char*> fields) {
  const nlohmann::json json = nlohmann::json::parse(content, nullptr, false);
  return json.is_object() &&
         std::ranges::all_of(fields, [&](const char* name) { return json.contains(name); });
}

// Whether there is such a file with a JSON object that has these fields.
bool has_fields(const fs::path& file, std::initializer_list<const char*> fields) {
  std::error_code unknown;
  return fs::is_regular_file(file, unknown) && has_fields(map_file(file).content, fields);
}

bool has_files(const fs::path& at, std::initializer_list<const char*> names) {
  return std::ranges::all_of(names, [&](const char* name) { return fs::exists(at / name); });
}

bool is_dataset(const fs::path& at) {
  // A writing that was killed while it moved its files leaves the last one in its own folder.
  const auto written = [](const fs::path& folder) {
    return has_fields(folder / "dataset.json", {"format_version", "fingerprint"});
  };
  if (written(at) || written(at / ".writing")) return true;
  return has_files(at, {"dataset.json", "items.jsonl", "offsets.npy", "events.npy"});  // damaged
}

bool is_bundle(const fs::path& at) {
  if (has_fields(at / "config.json", {"format_version", "settings"})) return true;
  if (has_files(at, {"config.json", "model.safetensors", "items.jsonl", "training.jsonl"})) {
    return true;  // damaged
  }
  const fs::path checkpoint = at / "checkpoint.safetensors";
  if (!fs::exists(checkpoint)) return false;
  try {
    return SafeTensors::mapped(checkpoint).metadata().contains("state");
  } catch (const Error&) {
    return true;  // damaged, and of a name of ours
  }
}

bool is_state(const fs::path& at) {
  // Whether it is one of Tessera's the store sees when it opens it.
  const auto of_rocksdb = [](const std::string& name) {
    constexpr std::array kNames = {"CURRENT", "IDENTITY", "LOCK"};
    return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("MANIFEST-") ||
           name.starts_with("OPTIONS-") || name.ends_with(".dbtmp") || name.ends_with(".log");
  };
  std::error_code unknown;
  if (fs::is_regular_file(at / "CURRENT", unknown)) {
    return read_file(at / "CURRENT").starts_with("MANIFEST-");
  }
  return fs::exists(at / "LOCK", unknown) &&
         std::ranges::all_of(content_names(at, 1000), of_rocksdb);
}

bool is_backups(const fs::path& at) {
  return std::ranges::all_of(content_names(at, 1000), [](const std::string& name) {
    return name == "meta" || name == "private" || name.starts_with("shared");
  });
}

bool is_models(const fs::path& at) {
  return std::ranges::all_of(content_names(at, 1000), [](const std::string& name) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool numbered = name.size() >= 6 && std::ranges::all_of(name.substr(0, 6), is_digit);
    return (numbered && (name.size() == 6 || name.substr(6) == ".data")) || name == "current" ||
           name == "refused" || name == "refresh.jsonl";
  });
}

bool is_tokens(const fs::path& at) {
  return has_fields(at / "tokens.json", {"format_version", "unique"});
}

bool is_tuning(const fs::path& at) {
  return has_fields(at / "tune.json", {"format_version", "search"});
}

struct FolderKind {
  Folder kind;
  const char* name;
  const char* word;  ///< in the lock file
  bool (*is)(const fs::path& directory);
};

constexpr std::array kKinds = {
    FolderKind{Folder::dataset, "a dataset", "dataset", is_dataset},
    FolderKind{Folder::bundle, "a model bundle", "bundle", is_bundle},
    FolderKind{Folder::state, "the state of a service", "state", is_state},
    FolderKind{Folder::backups, "backups of a service", "backups", is_backups},
    FolderKind{Folder::models, "models of refreshes", "models", is_models},
    FolderKind{Folder::tokens, "tokens of items", "tokens", is_tokens},
    FolderKind{Folder::tuning, "a search of settings", "tuning", is_tuning},
};

const FolderKind& of(Folder kind) { return *std::ranges::find(kKinds, kind, &FolderKind::kind); }

// Whether a writer of this kind was at work there.
bool is_begun(const fs::path& directory, Folder kind) {
  const fs::path lock = directory / kLockFile;
  std::error_code unknown;
  return fs::is_regular_file(lock, unknown) &&
         read_file(lock).starts_with(std::string(of(kind).word) + '\n');
}

std::string found_in(const fs::path& directory, const std::vector<std::string>& names) {
  for (const FolderKind& kind : kKinds) {
    if (kind.is(directory)) return kind.name;
  }
  const auto few = std::span(names).first(std::min<std::size_t>(names.size(), 3));
  return joined(few, ", ") + (names.size() > 3 ? " and more" : "");
}

void check(const fs::path& directory, Folder kind, bool replace) {
  std::error_code unknown;
  if (!fs::is_directory(directory, unknown)) return;
  const std::vector<std::string> names = content_names(directory, 4);
  if (names.empty()) return;
  if (replace && (of(kind).is(directory) || is_begun(directory, kind))) return;
  fail("{}: is not empty, it holds {}: {} needs a new or an empty folder{}", directory.string(),
       found_in(directory, names), of(kind).name, replace ? ", or one of its kind" : "");
}

// The lock file, open; -1 with errno if that cannot be.
int open_lock(const fs::path& file) {
  for (;;) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -1;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(fd);
      errno = EWOULDBLOCK;
      return -1;
    }
    // Whoever held it before may have removed it meanwhile.
    struct stat own{};
    struct stat there{};
    if (::fstat(fd, &own) == 0 && ::stat(file.c_str(), &there) == 0 && own.st_ino == there.st_ino) {
      return fd;
    }
    ::close(fd);
  }
}

}  // namespace

bool holds(const fs::path& directory, Folder kind) { return of(kind).is(directory); }

void check_folder(const fs::path& directory, Folder kind) { check(directory, kind, true); }

void check_new_folder(const fs::path& directory, Folder kind) { check(directory, kind, false); }

void check_output(const fs::path& file, const char* what,
                  const std::function<bool(std::string_view content)>& ours) {
  std::error_code unknown;
  if (!fs::is_regular_file(file, unknown)) return;
  const MappedFile there = map_file(file);
  if (there.content.empty() || ours(there.content)) return;
  fail("{}: is there already and is not {}: name another file, or remove it", file.string(), what);
}

void check_json_output(const fs::path& file, const char* what,
                       std::initializer_list<const char*> fields) {
  check_output(file, what, [&](std::string_view content) { return has_fields(content, fields); });
}

FolderLock::FolderLock(const fs::path& directory, Folder kind)
    : directory_(directory), kind_(kind), made_(!fs::exists(directory)) {
  make_directory(directory);
  fd_ = open_lock(directory / kLockFile);
  if (fd_ < 0 && errno == EWOULDBLOCK) {
    fail("{}: another process is writing {} there: wait for its end, or name another folder",
         directory.string(), of(kind).name);
  }
  if (fd_ < 0) {
    fail("{}: cannot write into the folder: {}", directory.string(), std::strerror(errno));
  }
  const std::string word = std::string(of(kind).word) + '\n';
  // Never empty in between: the word tells whose folder it is should this process be killed now.
  if (::pwrite(fd_, word.data(), word.size(), 0) < 0 ||
      ::ftruncate(fd_, static_cast<off_t>(word.size())) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(fd_);
    fail("{}: cannot write into the folder: {}", directory.string(), reason);
  }
}

FolderLock::~FolderLock() {
  try {
    const bool empty = content_names(directory_, 1).empty();
    if (empty || of(kind_).is(directory_)) ::unlink((directory_ / kLockFile).c_str());
    if (empty && made_) ::rmdir(directory_.c_str());  // which does nothing unless it is empty
  } catch (...) {  // the folder is gone or hidden: the file is nobody's matter
  }
  ::close(fd_);
}

}  // namespace tessera
