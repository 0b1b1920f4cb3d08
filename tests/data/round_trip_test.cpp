// One small shop, written in every format, prepares to the same dataset directory, byte for byte.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "data/preparing.h"

namespace tessera {
namespace {

using nlohmann::json;

struct Event {
  std::string user;
  int item = 0;
  std::int64_t time = -1;  // seconds
};

struct Shop {
  std::vector<Event> events;  // by user, in order of time
  std::map<int, std::string> texts;

  Shop() {
    texts = {{1, "Salt &amp; \"Pepper\""},
             {2, "It's tea, green"},
             {3, "Crème brûlée"},
             {4, "日本語 😀"},
             {5, "5\" nail"},
             {7, ""},
             {30, "Cold item"}};
    Random random(3);
    for (int user = 0; user < 12; ++user) {
      std::int64_t time = 1'400'000'000 + static_cast<std::int64_t>(random.below(1000));
      for (int e = 0; e < 3 + user % 4; ++e) {
        time += static_cast<std::int64_t>(random.below(3)) * 1000;
        const bool known = user != 5 || e != 2;
        events.push_back({user % 2 == 0 ? "user-" + std::to_string(user) : std::to_string(user),
                          1 + static_cast<int>(random.below(7)), known ? time : -1});
      }
    }
  }
};

std::string csv_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// 'text' with Python's escapes; what is not ASCII as it is, as Python 3 prints it.
std::string python(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("\\'") : std::string(1, c);
  return out + "'";
}

std::string iso(std::int64_t time) {
  return time < 0
             ? ""
             : fmt::format("2014-05-{:02}T{:02}:{:02}:{:02}Z", 13 + (time - 1'399'939'200) / 86'400,
                           time / 3600 % 24, time / 60 % 60, time % 60);
}

class RoundTrip : public testing::PrepareTest {
 protected:
  Shop shop;

  PrepareOptions options(const std::string& format, const std::string& events,
                         const std::string& items) const {
    PrepareOptions options;
    options.interactions = {put("events", events)};
    options.shape = RecordShape{.format = format};
    options.items = {put("items", items)};
    options.items_shape = *options.shape;
    return options;
  }

  PrepareOptions sequences() const {
    std::string lines;
    std::string times;
    std::string last;
    for (const Event& event : shop.events) {
      if (event.user != last) {
        lines += (last.empty() ? "" : "\n") + event.user;
        times += (last.empty() ? "" : "\n") + event.user;
        last = event.user;
      }
      lines += fmt::format(" {}", event.item);
      times += fmt::format(" {}", event.time);
    }
    json texts;
    for (const auto& [id, text] : shop.texts) texts[std::to_string(id)] = text;
    PrepareOptions options;
    options.interactions = {put("lines.txt", lines)};
    options.timestamps = put("times.txt", times);
    options.item_text = put("texts.json", texts.dump());
    options.order_by_time = false;
    return options;
  }

  PrepareOptions csv(char delimiter, bool dates) const {
    std::string events = fmt::format("when{0}user_id{0}item_id\r\n", delimiter);
    for (const Event& event : shop.events) {
      events +=
          fmt::format("{1}{0}{2}{0}\"{3}\"\r\n", delimiter,
                      dates ? iso(event.time) : std::to_string(event.time), event.user, event.item);
    }
    std::string items = fmt::format("item_id{}text\n", delimiter);
    for (const auto& [id, text] : shop.texts) {
      items += fmt::format("{}{}{}\n", id, delimiter, csv_quoted(text));
    }
    PrepareOptions result = options("csv", events, items);
    result.fields.time = "when";
    result.shape->quoting = result.items_shape.quoting = Quoting::csv;  // also between tabs
    return result;
  }

  /// Every user's first event, then every user's second, …
  std::vector<Event> interleaved() const {
    std::vector<std::pair<std::size_t, Event>> turns;
    std::map<std::string, std::size_t> turn;
    for (const Event& event : shop.events) turns.emplace_back(turn[event.user]++, event);
    std::vector<Event> events;
    for (std::size_t t = 0; events.size() < turns.size(); ++t) {
      for (const auto& [at, event] : turns) {
        if (at == t) events.push_back(event);
      }
    }
    return events;
  }

  PrepareOptions json_lines() const {
    std::string events;
    std::string items;
    for (const Event& event : interleaved()) {
      json line = {{"who", {{"user_id", event.user}}}, {"item", event.item}};
      if (event.time >= 0) line["timestamp"] = event.time * 1000 + 7;
      events += line.dump() + "\n";
    }
    for (const auto& [id, text] : shop.texts) {
      items += json{{"item", std::to_string(id)}, {"text", text}}.dump() + "\n";
    }
    return options("jsonl", testing::gzipped(events), testing::zstd_packed(items));
  }

  PrepareOptions recbole() const {
    std::string events = "user_id:token\titem_id:token\ttimestamp:float\n";
    std::string items = "item_id:token\ttext:token_seq\n";
    for (const Event& event : interleaved()) {
      events += fmt::format("{}\t{}\t{}\n", event.user, event.item,
                            event.time < 0 ? "" : fmt::format("{}.0", event.time));
    }
    for (const auto& [id, text] : shop.texts) items += fmt::format("{}\t{}\n", id, text);
    return options("recbole", events, items);
  }

  PrepareOptions amazon2014() const {
    std::string events;
    std::string items;
    for (const Event& event : interleaved()) {
      events += json{{"reviewerID", event.user},
                     {"asin", std::to_string(event.item)},
                     {"helpful", {0, 1}},
                     {"overall", 4.0},
                     {"unixReviewTime", event.time}}
                    .dump() +
                "\n";
    }
    for (const auto& [id, text] : shop.texts) {
      items += fmt::format("{{'asin': '{}', 'title': {}, 'related': {{'also': ['1']}}}}\n", id,
                           python(text));
    }
    return options("amazon", testing::gzipped(events), testing::gzipped(items));
  }

  PrepareOptions amazon2023() const {
    std::string events;
    std::string items;
    for (const Event& event : interleaved()) {
      events += json{{"user_id", event.user},
                     {"asin", "variant"},
                     {"parent_asin", std::to_string(event.item)},
                     {"rating", 4.0},
                     {"timestamp", event.time < 0 ? json() : json(event.time * 1000 + 123)}}
                    .dump() +
                "\n";
    }
    for (const auto& [id, text] : shop.texts) {
      items += json{{"parent_asin", std::to_string(id)}, {"title", text}}.dump() + "\n";
    }
    return options("amazon", events, items);
  }

  std::map<std::string, std::string> directory_of(PrepareOptions options, bool split) {
    options.name = "shop";
    options.split_by_time = split;
    options.order_by_time = options.order_by_time || split;
    options.cold_share = split ? 0.15 : 0;
    options.seed = 4;
    const fs::path out = temp.path() / "dataset";
    fs::remove_all(out);
    const Dataset data = prepared(options);
    write_dataset(out, data, summarise(data, report).dump(2));
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(out)) {
      files[entry.path().filename().string()] = read_file(entry.path());
    }
    json summary = json::parse(files.at("summary.json"));
    summary.erase("fields");  // which have other names in each
    files["summary.json"] = summary.dump();
    return files;
  }
};

TEST_F(RoundTrip, EveryFormatGivesTheSameDirectory) {
  for (const bool split : {false, true}) {
    const auto expected = directory_of(sequences(), split);
    ASSERT_EQ(expected.size(), 7U);
    EXPECT_NE(expected.at("items.jsonl").find("Salt & \\\"Pepper\\\""), std::string::npos);
    EXPECT_EQ(directory_of(csv(',', false), split), expected) << "csv";
    EXPECT_EQ(directory_of(csv(';', true), split), expected) << "csv with dates";
    EXPECT_EQ(directory_of(csv('\t', false), split), expected) << "tsv";
    EXPECT_EQ(directory_of(json_lines(), split), expected) << "jsonl";
    EXPECT_EQ(directory_of(recbole(), split), expected) << "recbole";
    EXPECT_EQ(directory_of(amazon2014(), split), expected) << "amazon 2014";
    EXPECT_EQ(directory_of(amazon2023(), split), expected) << "amazon 2023";
  }
}

}  // namespace
}  // namespace tessera
