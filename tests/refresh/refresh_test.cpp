// A model that is refreshed: from new events to the bundle that is served, or back.
#include "refresh/refresh.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <set>

#include "base/random.h"
#include "base/texts.h"
#include "model/bundle.h"
#include "store/store.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class RefreshTest : public ::testing::Test {
 protected:
  RefreshTest() {
    make_directory(path("logs"));
    write_file(path("items.csv"), items(30));
    write_file(path("logs/1.csv"), log(1, 40, 30));
    write_file(path("refresh.json"), dump_json(settings_json()));
  }
  fs::path path(const std::string& name) const { return directory.path() / name; }
  static std::string items(int count) {
    std::string lines = "item,title\n";
    for (int i = 0; i < count; ++i) {
      lines += fmt::format("i{},kind{} thing number{}\n", i, i % 5, i % 7);
    }
    return lines;
  }
  /// Six events of each user on one day, which stay within a kind for the most part.
  static std::string log(int day, int users, int items) {
    Random random(static_cast<std::uint64_t>(day), {9});
    std::string lines = "user,item,time\n";
    for (int u = 0; u < users; ++u) {
      for (int e = 0; e < 6; ++e) {
        const auto thing = static_cast<int>(random.below(static_cast<std::uint64_t>(items / 5)));
        lines += fmt::format("u{},i{},{}\n", u, 5 * thing + u % 5, 100'000 * day + e);
      }
    }
    return lines;
  }
  static nlohmann::json settings_json() {
    return {{"models", "models"},
            {"interactions", "logs/"},
            {"items", {"items.csv"}},
            {"prepare", {{"format", "csv"}}},
            {"after", "echo told >> \"$TOLD\""},
            {"worse_by", 1},
            {"keep", 2},
            {"set",
             {"epochs=1", "collaborative_epochs=1", "codebook_size=4", "collaborative_tokens=2",
              "collaborative_dims=4", "semantic_dims=8", "encoder_hidden=8", "hidden=8",
              "feed_forward=8", "negatives=8", "batch_users=16"}}};
  }
  RefreshSettings settings() const {
    ::setenv("TOLD", path("told").c_str(), 1);
    return read_refresh_settings(path("refresh.json"));
  }
  std::string current() const { return fs::read_symlink(path("models/current")).string(); }
  std::size_t told() const {
    const std::string lines = fs::exists(path("told")) ? read_file(path("told")) : "";
    return static_cast<std::size_t>(std::ranges::count(lines, '\n'));
  }
  testing::TempDirectory directory;
};

TEST_F(RefreshTest, EachRefreshGoesOnFromTheLastAndKeepsSomeForARollback) {
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000001");
  EXPECT_EQ(current(), "000001");
  const nlohmann::json first = read_config(path("models/000001"));
  EXPECT_EQ(first.at("refit"), true);
  EXPECT_FALSE(first.contains("from"));

  write_file(path("logs/2.csv"), log(2, 50, 35));
  write_file(path("items.csv"), items(35));
  const nlohmann::json second = refresh(settings(), {});
  EXPECT_EQ(second.at("bundle"), "000002");
  EXPECT_EQ(second.at("gate").at("users"), 50) << "all chose something since";
  EXPECT_EQ(current(), "000002");
  const nlohmann::json from = read_config(path("models/current")).at("from");
  EXPECT_EQ(from.at("known_items"), 30);
  EXPECT_EQ(from.at("new_items"), 5);

  write_file(path("logs/3.csv"), log(3, 50, 35));
  refresh(settings(), {});
  EXPECT_EQ(current(), "000003");
  EXPECT_FALSE(fs::exists(path("models/000001"))) << "two are kept";
  EXPECT_FALSE(fs::exists(path("models/000001.data")));
  EXPECT_EQ(told(), 3U);

  EXPECT_EQ(rollback(settings()).at("bundle"), "000002");
  EXPECT_EQ(current(), "000002");
  EXPECT_EQ(told(), 4U);
  expect_error([&] { rollback(settings()); }, {"no bundle before"});
}

TEST_F(RefreshTest, OfSoManyOneIsTrainedFromNothing) {
  for (const bool keep : {false, true}) {
    nlohmann::json json = settings_json();
    json["fresh_every"] = 3;
    json["keep_tokens"] = keep;
    json["models"] = keep ? "keeping" : "models";
    write_file(path("refresh.json"), json.dump());
    for (int day = 2; day < 6; ++day) {
      refresh(settings(), {});
      const std::string name = fs::read_symlink(path(json["models"]) / "current").string();
      EXPECT_EQ(read_config(path(json["models"]) / name).contains("from"), day == 3 || day == 5)
          << name;
      write_file(path(fmt::format("logs/{}{}.csv", keep ? "k" : "f", day)),
                 log(keep ? day + 10 : day, 50, 30));
    }
  }
}

// The service's state is a part of what happened: new users, events and items of it are trained,
// what is in the log as well counts once, and what was erased is not there.
TEST_F(RefreshTest, TheStateOfTheServiceComesIn) {
  refresh(settings(), {});
  RefreshSettings with_state = settings();
  with_state.state = path("state").string();
  {
    const auto store = open_store(with_state.state);
    store->put_item({"i900", "kind3 lamp", "kind3 lamp number2"});
    const std::string in_the_log = "i7";
    write_file(path("logs/2.csv"), log(2, 50, 30) + "u3,i7,1764000000\n");
    store->append_events("u3", std::vector<StoredEvent>{{in_the_log, "", {}, 1'764'000'000'000}},
                         "");
    for (int u = 0; u < 60; ++u) {
      store->append_events(fmt::format("s{}", u),
                           plain_events(std::vector<std::string>{"i1", "i900", "i2"}), "");
    }
    store->append_events("erased", plain_events(std::vector<std::string>{"i1", "i2", "i3"}), "");
    store->erase_history("erased");
  }
  std::string said;
  RefreshListener listener;
  listener.say = [&](const std::string& line) { said += line + "\n"; };
  const auto service = open_store(with_state.state);  // which may run meanwhile
  EXPECT_EQ(refresh(with_state, listener).at("bundle"), "000002");
  EXPECT_NE(said.find("exported 181 events of 61 users and 1 items"), std::string::npos) << said;
  EXPECT_EQ(said.find("warning"), std::string::npos) << said;
  const Dataset data = read_dataset(path("models/000002.data"));
  EXPECT_EQ(data.users(), 50U + 60U);
  EXPECT_EQ(data.events.size(), 6U * 40 + 6U * 50 + 1 + 3U * 60);
  const auto& ids = data.user_ids;
  EXPECT_EQ(std::ranges::count(ids, "erased"), 0);
  const auto live = number_by_id(data.items).at("i900");
  EXPECT_EQ(data.items[static_cast<std::size_t>(live)].text, "kind3 lamp number2");
  EXPECT_FALSE(fs::exists(path("models/000002.events.jsonl"))) << "it is in the dataset";
  EXPECT_FALSE(fs::exists(path("models/000002.items.jsonl")));
}

TEST_F(RefreshTest, DoubtsAStateThatIsAnothersOrOfAWrongClock) {
  refresh(settings(), {});
  write_file(path("logs/2.csv"), log(2, 50, 30));
  RefreshSettings with_state = settings();
  with_state.state = path("state").string();
  const std::int64_t ahead = 4'000'000'000'000;
  {
    const auto store = open_store(with_state.state);
    std::vector<StoredEvent> events;
    for (int i = 0; i < 150; ++i) events.push_back({fmt::format("other{}", i), "", {}, ahead + i});
    store->append_events("somebody", events, "");
  }
  std::string said;
  RefreshListener listener;
  listener.say = [&](const std::string& line) { said += line + "\n"; };
  refresh(with_state, listener);
  EXPECT_NE(said.find("warning: of 150 events of " + with_state.state), std::string::npos) << said;
  EXPECT_NE(said.find("another shop"), std::string::npos) << said;
  EXPECT_NE(said.find("150 events are dated more than a day ahead"), std::string::npos) << said;
}

TEST_F(RefreshTest, AStateAloneIsEnoughUnlessItIsEmpty) {
  RefreshSettings alone = settings();
  alone.prepare.options.interactions.clear();
  alone.state = path("state").string();
  expect_error([&] { refresh(alone, {}); }, {"state", "no state of a service"});
  open_store(alone.state);
  expect_error([&] { refresh(alone, {}); }, {alone.state, "holds no event", "nothing to train on"});
  EXPECT_FALSE(fs::exists(path("models/current")));
  {
    const auto store = open_store(alone.state);
    for (int u = 0; u < 40; ++u) {
      std::vector<StoredEvent> events;
      for (int e = 0; e < 5; ++e) {
        events.push_back({fmt::format("i{}", (5 * e + u) % 30), "", {}, 1'700'000'000'000 + e});
      }
      store->append_events(fmt::format("s{}", u), events, "");
    }
  }
  EXPECT_EQ(refresh(alone, {}).at("bundle"), "000001");
  EXPECT_EQ(read_dataset(path("models/000001.data")).users(), 40U);
}

// A limit on the size of files is a disk that is full for the large ones: whichever step meets it
// says so in one line, the current model stays, and with room again the refresh comes to the end
// that it would have come to.
TEST_F(RefreshTest, ADiskThatIsFullInAnyStepLeavesTheCurrentModel) {
  refresh(settings(), {});
  RefreshSettings with_state = settings();
  with_state.state = path("state").string();
  with_state.after.clear();
  {
    const auto store = open_store(with_state.state);
    for (int u = 0; u < 10; ++u) {
      store->append_events(fmt::format("s{}", u),
                           std::vector<StoredEvent>{{"i1", "", {}, 1'700'000'000'000},
                                                    {"i2", "", {}, 1'700'000'001'000}},
                           "");
    }
  }
  write_file(path("logs/2.csv"), log(2, 50, 30));
  fs::copy(path("models"), path("unbroken"),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  RefreshSettings elsewhere = with_state;
  elsewhere.models = path("unbroken");
  refresh(elsewhere, {});

  ::signal(SIGXFSZ, SIG_IGN);
  rlimit whole{};
  ::getrlimit(RLIMIT_FSIZE, &whole);
  std::set<std::string> said;
  bool done = false;
  for (rlim_t bytes = 128; !done && bytes < 1 << 20; bytes += bytes / 4) {
    rlimit limit = whole;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      refresh(with_state, {});
      done = true;
    } catch (const Error& error) {
      const std::string line = error.what();
      EXPECT_EQ(std::ranges::count(line, '\n'), 0) << line;
      EXPECT_NE(line.find("too large"), std::string::npos) << line;
      said.insert(line);
    }
    ::setrlimit(RLIMIT_FSIZE, &whole);
    if (!done) {
      EXPECT_EQ(current(), "000001");
    }
  }
  EXPECT_TRUE(done);
  // Export, dataset, embeddings, training: each met it.
  for (const char* part : {"events.jsonl", "items.jsonl", "embeddings.npy", "checkpoint"}) {
    EXPECT_TRUE(std::ranges::any_of(
        said, [&](const std::string& line) { return line.find(part) != std::string::npos; }))
        << part << " is not in\n"
        << joined(said, "\n");
  }
  EXPECT_EQ(current(), "000002");
  EXPECT_EQ(read_file(path("models/000002/model.safetensors")),
            read_file(path("unbroken/000002/model.safetensors")));
}

// A quiet day is no failure, and nothing that the next day would trip over.
TEST_F(RefreshTest, WhereNothingHappenedTheCurrentModelStays) {
  refresh(settings(), {});
  for (int day = 0; day < 2; ++day) {
    EXPECT_EQ(refresh(settings(), {}).at("done"), "nothing new");
    EXPECT_EQ(current(), "000001");
    EXPECT_FALSE(fs::exists(path("models/000002")));
    EXPECT_FALSE(fs::exists(path("models/000002.data")));
  }
  EXPECT_EQ(told(), 1U);
  write_file(path("logs/2.csv"), log(2, 50, 30));
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000002");
}

TEST_F(RefreshTest, OtherSettingsBeginAnew) {
  refresh(settings(), {});
  write_file(path("logs/2.csv"), log(2, 50, 30));
  RefreshListener listener;
  int asked = 0, limit = 3;
  listener.interrupted = [&] { return ++asked > limit; };
  for (; !fs::exists(path("models/000002.data/dataset.json")); limit += 2) {
    asked = 0;
    expect_error([&] { refresh(settings(), listener); }, {"interrupted"});
  }
  nlohmann::json json = settings_json();
  json["prepare"]["min-user-events"] = 8;  // users of two days alone
  write_file(path("refresh.json"), dump_json(json));
  refresh(settings(), {});
  EXPECT_EQ(read_dataset(path("models/000002.data")).users(), 40U);
}

TEST_F(RefreshTest, WhatARefusalLeftBehindIsNotTakenForData) {
  refresh(settings(), {});
  write_file(path("logs/2.csv"), log(2, 50, 30));
  refresh(settings(), {});
  fs::rename(path("models/000002"), path("models/refused"));  // and killed before the rest
  fs::remove(path("models/current"));
  fs::create_directory_symlink("000001", path("models/current"));
  write_file(path("logs/3.csv"), log(3, 70, 30));
  refresh(settings(), {});
  EXPECT_EQ(read_dataset(path("models/000002.data")).users(), 70U) << "prepared anew";
}

TEST_F(RefreshTest, AWorseModelIsRefused) {
  refresh(settings(), {});
  write_file(path("logs/2.csv"), log(2, 50, 30));
  RefreshSettings strict = settings();
  strict.worse_by = -100.0;  // nothing is as good as that
  expect_error<GateRefused>([&] { refresh(strict, {}); }, {"NDCG@10", "stays", "refused"});
  EXPECT_EQ(current(), "000001");
  EXPECT_TRUE(fs::exists(path("models/refused/config.json")));
  EXPECT_FALSE(fs::exists(path("models/000002")));
  EXPECT_EQ(told(), 1U);
  EXPECT_NE(read_file(path("models/refresh.jsonl")).find("\"refused\""), std::string::npos);
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000002");
}

TEST_F(RefreshTest, WhatWasInterruptedIsGoneOnWithToTheSameModel) {
  refresh(settings(), {});
  fs::copy(path("models"), path("unbroken"),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  write_file(path("logs/2.csv"), log(2, 50, 30));
  refresh(settings(), {});
  RefreshSettings elsewhere = settings();
  elsewhere.models = path("unbroken");
  int asked = 0;
  RefreshListener listener;
  for (const int limit : {1, 3, 5, 1'000'000}) {
    listener.interrupted = [&] { return ++asked > limit; };
    asked = 0;
    if (limit < 1'000'000) {
      expect_error([&] { refresh(elsewhere, listener); }, {"interrupted", "current model stays"});
      EXPECT_EQ(fs::read_symlink(path("unbroken/current")), "000001");
    } else {
      EXPECT_EQ(refresh(elsewhere, listener).at("bundle"), "000002");
    }
  }
  EXPECT_EQ(read_file(path("unbroken/000002/model.safetensors")),
            read_file(path("models/000002/model.safetensors")));
}

TEST_F(RefreshTest, WhatFailsLeavesTheCurrentModel) {
  refresh(settings(), {});
  RefreshSettings failing = settings();
  failing.before = "exit 7";
  expect_error([&] { refresh(failing, {}); }, {"'before'", "status 7"});
  write_file(path("logs/2.csv"), "user,item,time\nu1,i1,soon\n");
  expect_error([&] { refresh(settings(), {}); }, {"2.csv", "time"});
  EXPECT_EQ(current(), "000001");
  EXPECT_EQ(told(), 1U);
  write_file(path("logs/2.csv"), log(2, 50, 30));
  EXPECT_EQ(refresh(settings(), {}).at("bundle"), "000002");
}

TEST_F(RefreshTest, AFileOfSettingsIsReadWithCare) {
  const auto refused = [&](const nlohmann::json& json,
                           std::initializer_list<std::string_view> parts) {
    write_file(path("refresh.json"), dump_json(json));
    expect_error([&] { settings(); }, parts);
  };
  nlohmann::json json = settings_json();
  json["modles"] = "x";
  refused(json, {"refresh.json", "modles", "did you mean 'models'"});
  json = settings_json();
  json["prepare"]["k-cores"] = 5;
  refused(json, {"refresh.json", "k-cores"});
  json = settings_json();
  json["keep"] = "many";
  refused(json, {"refresh.json", "'keep'", "wrong kind"});
  json = settings_json();
  json["metric"] = "AUC";
  refused(json, {"'metric'", "NDCG@10"});
  json = settings_json();
  json.erase("interactions");
  refused(json, {"'interactions' is missing", "'state'"});
  json = settings_json();
  json["set"] = {"epochs=none"};
  refused(json, {"refresh.json", "epochs"});
  EXPECT_FALSE(fs::exists(path("models")));
}

}  // namespace
}  // namespace tessera
