// The simulated shop as files that a shop would export.
#include <algorithm>
#include <cmath>

#include "attributes/attribute_table.h"
#include "base/error.h"
#include "base/folders.h"
#include "base/random.h"
#include "data/simulate.h"

namespace tessera {
namespace {

struct Line {
  std::int64_t time;
  std::size_t number;  // keeps the order of lines of one time
  std::string text;
};

constexpr std::string_view kEventsHeader = "user,item,time,kind\n";
constexpr std::string_view kItemsHeader =
    "item,title,department,category,brand,colour,price,arrived,in_stock\n";

// A field of CSV: none of the shop's texts holds a quote.
std::string field(std::string_view text) {
  return text.find(',') == std::string_view::npos ? std::string(text) : fmt::format("\"{}\"", text);
}

std::string text_of(const AttributeValue& value) {
  if (const auto* labels = std::get_if<std::vector<std::string>>(&value)) return labels->front();
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return {};
}

std::string items_csv(const Dataset& data) {
  std::string csv(kItemsHeader);
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    csv += fmt::format("{},{}", data.items[i].id, field(data.items[i].title));
    for (std::size_t a = 0; a < data.attributes.schema().size(); ++a) {
      csv += ',';
      csv += field(text_of(data.attributes.value(a, static_cast<std::int32_t>(i))));
    }
    csv += '\n';
  }
  return csv;
}

std::string events_csv(const Dataset& data, std::uint64_t seed) {
  Random random(seed, {0x7109});
  std::vector<Line> lines;
  const auto add = [&](std::size_t user, std::int32_t item, std::int64_t time, const char* kind) {
    lines.push_back({time, lines.size(),
                     fmt::format("{},{},{},{}\n", data.user_ids[user],
                                 data.items[static_cast<std::size_t>(item)].id, time, kind)});
  };
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = data.history(u);
    for (std::size_t at = 0; at < history.size(); ++at) {
      const std::int64_t time = data.times[static_cast<std::size_t>(data.offsets[u]) + at];
      // What was looked at before was mostly what others of this taste buy: a neighbour in the
      // user's own history, or anything.
      const auto views = static_cast<std::int64_t>(random.below(4));
      for (std::int64_t view = views; view > 0; --view) {
        const bool own = random.uniform() < 0.5;
        const std::int32_t other =
            own ? history[random.below(history.size())]
                : data.events[static_cast<std::size_t>(random.below(data.events.size()))];
        add(u, other, time - 40 * view - 20, "view");
      }
      add(u, history[at], time - 20, "view");
      add(u, history[at], time, "purchase");
    }
  }
  std::ranges::sort(lines, {}, [](const Line& line) { return std::pair(line.time, line.number); });
  std::string csv(kEventsHeader);
  for (const Line& line : lines) csv += line.text;
  return csv;
}

}  // namespace

void write_shop_log(const fs::path& folder, const Dataset& data, std::uint64_t seed) {
  const auto write = [&](const char* name, std::string_view header, const std::string& csv) {
    check_output(folder / name, "a simulated shop's log",
                 [&](std::string_view content) { return content.starts_with(header); });
    write_file(folder / name, csv);
  };
  fs::create_directories(folder);
  write("events.csv", kEventsHeader, events_csv(data, seed));
  write("items.csv", kItemsHeader, items_csv(data));
}

}  // namespace tessera
