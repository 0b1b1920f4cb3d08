// tessera export of a service's state, and back into prepare.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/serving.h"
#include "store/store.h"

namespace tessera::testing {
namespace {

class ExportCommand : public Serve {
 protected:
  /// A command that must succeed; on standard error it may say what it did.
  static void done(const std::string& line) {
    const Finished finished = tessera(line);
    EXPECT_EQ(finished.exit_code, 0) << line << "\n" << finished.err;
  }
  std::size_t events_in(const std::string& file) const {
    const std::string lines = content_of(path(file));
    return static_cast<std::size_t>(std::ranges::count(lines, '\n'));
  }
};

TEST_F(ExportCommand, ReadsTheStateOfAServiceThatRuns) {
  start("--state " + path("state") + " --backups " + path("backup"));
  const auto item = [&](int i) { return fmt::format("S{:06}", i + 1); };
  for (int u = 0; u < 20; ++u) {
    const std::string body = fmt::format(
        R"({{"events": [{{"item": "{}", "kind": "view"}}, {{"item": "{}", "kind": "buy"}}]}})",
        item(u), item(u + 1));
    EXPECT_EQ(ask("POST", fmt::format("/v1/users/u{}/events", u), body).status, 200);
  }
  EXPECT_EQ(ask("DELETE", "/v1/users/u3").status, 204);
  EXPECT_EQ(ask("PUT", "/v1/items/new", R"({"title":"Walnut lamp"})").status, 200);
  done("export --what events --state " + path("state") + " --out " + path("events.jsonl"));
  EXPECT_EQ(events_in("events.jsonl"), 38U);
  done("export --what items --state " + path("state") + " --out " + path("items.jsonl"));
  EXPECT_EQ(content_of(path("items.jsonl")),
            R"({"id":"new","title":"Walnut lamp","text":"Walnut lamp"})"
            "\n");
  EXPECT_EQ(ask("POST", "/v1/admin/backup").status, 200);
  done("export --what events --backup " + path("backup") + " --out " + path("again.jsonl"));
  EXPECT_EQ(content_of(path("again.jsonl")), content_of(path("events.jsonl")));
  done("prepare --interactions export:" + path("events.jsonl") + " --items export:" +
       path("items.jsonl") + " --format csv --duplicates event --out " + path("data"));
  const nlohmann::json data = nlohmann::json::parse(content_of(path("data/dataset.json")));
  EXPECT_EQ(data.at("events"), 38);
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
}

TEST_F(ExportCommand, TheServiceSaysWhereTheClockWentBack) {
  const std::vector<StoredEvent> events = {{"S000001"}};
  open_store(path("state"), {.clock = [] { return 4'000'000'000'000; }})
      ->append_events("anna", events, "");
  start("--state " + path("state"));
  EXPECT_EQ(ask("GET", "/v1/users/anna").status, 200);
  const Finished finished = end(SIGTERM);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("note: the clock stands "), std::string::npos) << finished.err;
}

TEST_F(ExportCommand, RefusesWhatDoesNotGoTogether) {
  const auto refused = [&](const std::string& words, const std::string& what) {
    expect_refusal(tessera("export --out " + path("o") + " " + words), 2, {what});
  };
  refused("--what events", "--state");
  EXPECT_EQ(tessera("export --what vectors --out " + path("o")).exit_code, 2);
  refused("--what events --model m", "--state");
  EXPECT_EQ(tessera("export --what tokens --model m --since 2026-01-01 --out o").exit_code, 2);
  refused("--what items --state s --resume", "--resume");
  refused("--what events --state s --backup-id 2", "--backup-id");
  refused("--what events --state s --since soon", "--since");
  refused("--what events --state s --backup b", "--backup");
  expect_refusal(tessera("export --what events --state " + path("none") + " --out " + path("o")), 1,
                 {"none", "no state of a service"});
  expect_refusal(tessera("export --what events --backup " + path("none") + " --out " + path("o")),
                 1, {"none", "no backup"});
}

}  // namespace
}  // namespace tessera::testing
