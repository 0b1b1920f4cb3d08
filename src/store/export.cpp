#include "store/export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/folders.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

void append_json_string(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(json), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  json += '"';
}

fs::path beside(const fs::path& out, const char* ending) {
  return out.parent_path() / ("." + out.filename().string() + ending);
}

/// Lines beside their place, which can be gone on with at the last mark.
class ResumableFile {
 public:
  ResumableFile(const fs::path& out, Json what, bool resume)
      : out_(out),
        part_(beside(out, ".part")),
        mark_(beside(out, ".mark")),
        what_(std::move(what)) {
    std::int64_t size = 0;
    std::error_code ignored;
    if (!resume) fs::remove(mark_, ignored);
    if (resume) {
      if (!fs::exists(mark_) || !fs::exists(part_)) {
        fail("{}: no export into it was interrupted; leave out --resume", out_.string());
      }
      const Json mark = read_json(mark_);
      if (mark.value("of", Json()) != what_) {
        fail("{}: the interrupted export was another one ({}); leave out --resume", out_.string(),
             dump_json(mark.value("of", Json())));
      }
      size = mark.value("bytes", std::int64_t{0});
      cursor_ = mark.value("cursor", "");
      since_ = mark.value("next_since", std::int64_t{0});
    }
    file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    if (file_ < 0 || ::ftruncate(file_, size) != 0) give_up();
    written_ = size;
  }
  ~ResumableFile() {
    if (file_ >= 0) ::close(file_);
  }
  ResumableFile(const ResumableFile&) = delete;
  ResumableFile& operator=(const ResumableFile&) = delete;

  const std::string& cursor() const { return cursor_; }
  std::int64_t next_since() const { return since_; }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::write(file_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) give_up();
      text.remove_prefix(static_cast<std::size_t>(count));
      written_ += count;
    }
  }
  /// What is written so far ends behind the cursor.
  void mark(const std::string& cursor, std::int64_t since) {
    if (::fdatasync(file_) != 0) give_up();
    const Json mark = {
        {"of", what_}, {"cursor", cursor}, {"bytes", written_}, {"next_since", since}};
    write_file(mark_, dump_json(mark));
  }
  void commit() {
    if (::fsync(file_) != 0) give_up();
    if (::rename(part_.c_str(), out_.c_str()) != 0) give_up();
    std::error_code ignored;
    fs::remove(mark_, ignored);
  }

 private:
  [[noreturn]] void give_up() const {
    const int error = errno;
    fail("{}: cannot be written: {}{}", out_.string(), std::strerror(error),
         fs::exists(mark_) ? "; --resume goes on with it" : "");
  }

  fs::path out_, part_, mark_;
  Json what_;
  std::string cursor_;
  std::int64_t since_ = 0, written_ = 0;
  int file_ = -1;
};

/// Where lines go: into a file that can be gone on with, or straight into a device or pipe.
bool is_straight(const fs::path& out) {
  std::error_code ignored;
  const fs::file_status status = fs::status(out, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

bool is_export(std::string_view content) {
  return content.starts_with(R"({"user":)") || content.starts_with(R"({"id":)") ||
         content.starts_with(R"({"time":)");
}

constexpr std::size_t kPart = 1 << 20;        // bytes written at once
constexpr std::int64_t kMarkEach = 64 << 20;  // bytes

}  // namespace

void append_event_json(std::string& json, std::string_view user, const StoredEvent& event) {
  json += R"({"user":)";
  append_json_string(json, user);
  json += R"(,"item":)";
  append_json_string(json, event.item);
  if (event.time) {
    json += R"(,"time":)";
    const fmt::format_int digits(*event.time);
    json.append(digits.data(), digits.size());
  }
  if (!event.kind.empty()) {
    json += R"(,"kind":)";
    append_json_string(json, event.kind);
  }
  if (event.weight) fmt::format_to(std::back_inserter(json), R"(,"weight":{})", *event.weight);
  json += '}';
}

bool EventChoice::takes(const StoredEvent& event) const {
  if (since && event.received.value_or(*since - 1) < *since) return false;
  return erased.empty() || !erased.contains(event.item);
}

EventChoice choose_events(const StoredState& state, std::optional<std::int64_t> since) {
  EventChoice choice{since};
  state.for_each_item([](const StoredItem&) {},
                      [&](std::string_view id) { choice.erased.emplace(id); });
  return choice;
}

std::int64_t next_since() {
  const auto before = std::chrono::system_clock::now() - std::chrono::minutes(1);
  return std::chrono::duration_cast<std::chrono::milliseconds>(before.time_since_epoch()).count();
}

ExportReport export_events(const StoredState& state, const ExportOptions& options) {
  ExportReport report;
  report.next_since = next_since();
  const EventChoice choice = choose_events(state, options.since);
  const bool straight = is_straight(options.out);
  if (straight && options.resume) fail("{}: is no file to go on with", options.out.string());
  check_output(options.out, "an export", is_export);
  std::optional<FileWriter> pipe;
  std::optional<ResumableFile> file;
  if (straight) {
    pipe.emplace(options.out);
  } else {
    Json what = {{"state", options.source}, {"what", "events"}, {"since", nullptr}};
    if (options.since) what["since"] = *options.since;
    file.emplace(options.out, std::move(what), options.resume);
    if (options.resume) report.next_since = file->next_since();
  }
  std::string lines;
  const auto hand_over = [&] {
    if (pipe) pipe->write(std::as_bytes(std::span(lines)));
    if (file) file->write(lines);
    lines.clear();
  };
  constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;
  const std::int64_t tomorrow = next_since() + kDay;
  std::int64_t since_mark = 0;
  const std::size_t about = state.about_users();
  std::string cursor = file ? file->cursor() : "";
  do {
    // Up to the next mark, which is where the store says it can go on.
    cursor = state.for_each_history(
        cursor, [&](std::string_view user, std::span<const StoredEvent> events) {
          ++report.users;
          for (const StoredEvent& event : events) {
            if (!choice.takes(event)) {
              report.erased += choice.erased.contains(event.item) ? 1 : 0;
              continue;
            }
            append_event_json(lines, user, event);
            lines += '\n';
            ++report.events;
            report.ahead += event.time.value_or(0) > tomorrow ? 1 : 0;
            if (options.seen) options.seen(event);
          }
          if (lines.size() >= kPart) {
            since_mark += static_cast<std::int64_t>(lines.size());
            hand_over();
            if (options.progress) options.progress(std::min(report.users, about), about);
          }
          if (options.interrupted && options.interrupted()) report.finished = false;
          return report.finished && since_mark < kMarkEach;
        });
    hand_over();
    since_mark = 0;
    if (file && !cursor.empty()) file->mark(cursor, report.next_since);
  } while (!cursor.empty() && report.finished);
  report.finished = cursor.empty();
  if (!report.finished) return report;
  if (pipe) pipe->commit();
  if (file) file->commit();
  return report;
}

ExportReport export_items(const StoredState& state, const ExportOptions& options) {
  ExportReport report;
  report.next_since = next_since();
  check_output(options.out, "an export", is_export);
  std::map<std::string, std::map<std::string, std::string>, std::less<>> attributes;
  state.for_each_attribute([&](std::string_view id, const StoredAttribute& attribute) {
    attributes[std::string(id)][attribute.name] = attribute.value;
  });
  FileWriter file(options.out);
  std::string lines;
  const auto hand_over = [&] {
    file.write(std::as_bytes(std::span(lines)));
    lines.clear();
  };
  state.for_each_item(
      [&](const StoredItem& item) {
        lines += R"({"id":)";
        append_json_string(lines, item.id);
        lines += R"(,"title":)";
        append_json_string(lines, item.title);
        lines += R"(,"text":)";
        append_json_string(lines, item.text);
        const auto its = attributes.find(item.id);
        if (its != attributes.end()) {
          for (const auto& [name, value] : its->second) {
            if (name == "id" || name == "title" || name == "text") continue;
            lines += ',';
            append_json_string(lines, name);
            lines += ':';
            lines += value;
          }
        }
        lines += "}\n";
        ++report.events;
        if (lines.size() >= kPart) hand_over();
      },
      [](std::string_view) {});
  hand_over();
  file.commit();
  return report;
}

ExportReport export_feedback(const StoredState& state, const ExportOptions& options) {
  ExportReport report;
  report.next_since = next_since();
  check_output(options.out, "an export", is_export);
  FileWriter file(options.out);
  std::string lines;
  const auto hand_over = [&] {
    file.write(std::as_bytes(std::span(lines)));
    lines.clear();
  };
  state.for_each_feedback([&](const StoredFeedback& feedback) {
    if (options.since && feedback.time < *options.since) return;
    fmt::format_to(std::back_inserter(lines), R"({{"time":{},"request_id":)", feedback.time);
    append_json_string(lines, feedback.request);
    lines += R"(,"variant":)";
    append_json_string(lines, feedback.variant);
    lines += R"(,"kind":)";
    append_json_string(lines, feedback.kind);
    lines += R"(,"items":[)";
    for (std::size_t i = 0; i < feedback.items.size(); ++i) {
      if (i > 0) lines += ',';
      append_json_string(lines, feedback.items[i]);
    }
    lines += "]}\n";
    ++report.events;
    if (lines.size() >= kPart) hand_over();
  });
  hand_over();
  file.commit();
  return report;
}

}  // namespace tessera
