#pragma once
#include "data/prepare.h"
#include "testing/errors.h"
#include "testing/files.h"

namespace tessera::testing {

/// Options for a CSV file of events.
inline PrepareOptions csv_options(const fs::path& file) {
  PrepareOptions options;
  options.interactions = {file};
  options.shape = RecordShape{};
  return options;
}

/// "user: item item …" for each user, by external ids.
inline std::vector<std::string> lines_of(const Dataset& data) {
  std::vector<std::string> lines;
  for (std::size_t u = 0; u < data.users(); ++u) {
    lines.push_back(data.user_ids[u] + ":");
    for (const std::int32_t item : data.history(u)) {
      lines.back() += " " + data.items[static_cast<std::size_t>(item)].id;
    }
  }
  return lines;
}

/// A directory with files to prepare from.
class PrepareTest : public ::testing::Test {
 protected:
  TempDirectory temp;
  PrepareReport report;
  using Lines = std::vector<std::string>;

  fs::path put(const std::string& name, std::string_view content) const {
    write_file(temp.path() / name, content);
    return temp.path() / name;
  }
  /// Events "user,item,time,…" as a CSV file.
  PrepareOptions csv(std::string_view lines, std::string_view more = "") const {
    return csv_options(
        put("log.csv", "user,item,time" + std::string(more) + "\n" + std::string(lines)));
  }
  Dataset prepared(const PrepareOptions& options) { return prepare(options, report); }
  void expect_refused(const PrepareOptions& options,
                      std::initializer_list<std::string_view> parts) {
    expect_error([&] { prepared(options); }, parts);
  }
  static const CatalogueItem& item(const Dataset& data, std::string_view id) {
    return data.items[static_cast<std::size_t>(number_by_id(data.items).at(id))];
  }
  std::size_t dropped(std::string_view why) const {
    for (const Dropped& filter : report.dropped) {
      if (filter.why.find(why) != std::string::npos) return filter.events;
    }
    return 0;
  }
};

}  // namespace tessera::testing
