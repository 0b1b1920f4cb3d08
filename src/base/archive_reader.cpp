#include "base/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <exception>
#include <utility>

#include "base/error.h"

namespace tessera {

struct ArchiveReader::State {
  std::string name, member;
  Source source;
  std::exception_ptr thrown;  // by the source, which C must not see
  archive* reader = archive_read_new();
  bool zip = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { archive_read_free(reader); }

  static la_ssize_t give(archive* /*reader*/, void* self, const void** bytes) {
    auto& state = *static_cast<State*>(self);
    std::string_view piece;
    try {
      state.source(piece);
    } catch (...) {
      state.thrown = std::current_exception();
      return ARCHIVE_FATAL;
    }
    *bytes = piece.data();
    return static_cast<la_ssize_t>(piece.size());
  }

  [[noreturn]] void fail_reading() const {
    if (thrown) std::rethrow_exception(thrown);
    const char* why = archive_error_string(reader);
    fail("{}: the packed data is cut short or damaged ({}); fetch the file again", name,
         why == nullptr ? "libarchive says no more" : why);
  }

  // Moves to the next file of the archive; "" at the end. What a system adds is none.
  std::string next_file() {
    for (archive_entry* entry = nullptr;;) {
      const int status = archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) return "";
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail_reading();
      const char* path = archive_entry_pathname(entry);
      const std::string file = path == nullptr ? "" : path;
      if (!zip) return "data";
      if (file.empty() || file.ends_with('/') || file.starts_with("__MACOSX/")) continue;
      if (file == "[Content_Types].xml" || file.starts_with("xl/")) {
        fail(
            "{}: is an Excel workbook; save it as CSV, or in Python give the table: "
            "tessera.prepare(pandas.read_excel(...), ...)",
            name);
      }
      return file;
    }
  }

  bool is_wanted(const std::string& file) const {
    return member.empty() || file == member ||
           (file.ends_with(member) && file[file.size() - member.size() - 1] == '/');
  }

  void find_member() {
    std::string list;
    for (std::string file = next_file(); !file.empty(); file = next_file()) {
      if (is_wanted(file)) return;
      list += (list.empty() ? "" : ", ") + file;
    }
    if (list.empty()) fail("{}: holds no file", name);
    fail("{}: holds no '{}', but {}", name, member, list);
  }

  // Behind the file that was read: that an archive holds another one, nobody could know before.
  void expect_no_other() {
    if (!zip || !member.empty()) return;
    const std::string other = next_file();
    if (other.empty()) return;
    fail("{}: holds several files, such as {}; name one, as {}/{}", name, other, name, other);
  }
};

namespace {

// Before anything is read: a file that is not named must be the only one.
void check_list(const std::string& name, const std::string& file, const std::string& member) {
  ArchiveReader::State list;
  list.name = name;
  list.zip = true;
  archive_read_support_format_zip(list.reader);
  if (archive_read_open_filename(list.reader, file.c_str(), 64U << 10) != ARCHIVE_OK) {
    list.fail_reading();
  }
  std::string files;
  std::size_t count = 0;
  for (std::string one = list.next_file(); !one.empty(); one = list.next_file()) {
    if (++count <= 10)
      files += (files.empty() ? "" : ", ") + one;
    else if (count == 11)
      files += ", …";
  }
  if (count > 1 && member.empty()) {
    fail("{}: holds {} files; name one, as {}/{}; they are {}", name, count, name,
         files.substr(0, files.find(',')), files);
  }
}

}  // namespace

bool is_archive(std::string_view head) {
  return head.starts_with("PK\x03\x04") ||
         head.starts_with(
             "\xFD"
             "7zXZ") ||
         head.starts_with("BZh");
}

ArchiveReader::ArchiveReader(std::string name, const std::string& file, const std::string& member,
                             Source source)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.name = std::move(name);
  state.member = member;
  std::string_view head;
  source(head);
  state.zip = head.starts_with("PK");
  // What was looked at comes first.
  state.source = [first = head, rest = std::move(source)](std::string_view& bytes) mutable {
    if (first.empty()) return rest(bytes);
    bytes = std::exchange(first, {});
  };
  if (state.zip) {
    if (!file.empty()) check_list(state.name, file, member);
    archive_read_support_format_zip(state.reader);
  } else {
    archive_read_support_filter_xz(state.reader);
    archive_read_support_filter_bzip2(state.reader);
    archive_read_support_format_raw(state.reader);
    if (!member.empty()) fail("{}: is no zip archive, so it holds no '{}'", state.name, member);
  }
  if (archive_read_open(state.reader, &state, nullptr, State::give, nullptr) != ARCHIVE_OK) {
    state.fail_reading();
  }
  state.find_member();
}

ArchiveReader::~ArchiveReader() = default;

std::size_t ArchiveReader::read(std::span<char> into) {
  const la_ssize_t got = archive_read_data(state_->reader, into.data(), into.size());
  if (got < 0) state_->fail_reading();
  if (got == 0 && !into.empty()) state_->expect_no_other();
  return static_cast<std::size_t>(got);
}

}  // namespace tessera
