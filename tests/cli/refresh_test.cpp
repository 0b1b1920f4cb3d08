// tessera refresh and rollback as processes: killed, refused, run again.
#include <fmt/format.h>

#include <chrono>
#include <random>

#include "cli/shop.h"

namespace tessera::testing {
namespace {

class RefreshCommand : public CommandTest {
 protected:
  void SetUp() override {
    fs::create_directory(path("logs"));
    std::string items = "item,title\n";
    for (int i = 0; i < 30; ++i) {
      items += fmt::format("i{},kind{} thing number{}\n", i, i % 5, i % 7);
    }
    write(path("items.csv"), items);
    write_log(1, 40);
    write_settings("refresh.json", 1);
  }
  /// Six events of each user on one day.
  void write_log(int day, int users) const {
    std::minstd_rand random(static_cast<unsigned>(day));
    std::string lines = "user,item,time\n";
    for (int u = 0; u < users; ++u) {
      for (int e = 0; e < 6; ++e) {
        lines += fmt::format("u{},i{},{}\n", u, 5 * (random() % 6) + u % 5, 100'000 * day + e);
      }
    }
    write(path(fmt::format("logs/{}.csv", day)), lines);
  }
  void write_settings(const std::string& name, double worse_by,
                      const std::string& models = "models") const {
    const Json settings = {
        {"models", models},
        {"interactions", "logs/"},
        {"items", "items.csv"},
        {"prepare", {{"format", "csv"}}},
        {"worse_by", worse_by},
        {"set",
         {"epochs=1", "collaborative_epochs=1", "codebook_size=4", "collaborative_tokens=2",
          "collaborative_dims=4", "semantic_dims=8", "encoder_hidden=8", "hidden=8",
          "feed_forward=8", "negatives=8", "batch_users=16"}}};
    write(path(name), settings.dump());
  }
  std::string current() const { return fs::read_symlink(path("models/current")).string(); }
};

// Whenever it is killed, the model in place is yesterday's or the finished new one; and the one
// that comes of going on is that of a refresh which nobody killed.
TEST_F(RefreshCommand, KilledAnywhereItGoesOn) {
  output_of("refresh " + path("refresh.json"));
  write_log(2, 50);
  fs::copy(path("models"), path("unbroken"),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  write_settings("elsewhere.json", 1, "unbroken");
  const auto start = std::chrono::steady_clock::now();
  output_of("refresh " + path("elsewhere.json"));
  const auto whole = std::chrono::steady_clock::now() - start;
  for (int k = 1; k <= 8 && current() == "000001"; ++k) {
    Process running(tessera_command("refresh " + path("refresh.json")));
    std::this_thread::sleep_for(whole * k / 10);
    running.signal(SIGKILL);
    running.wait();
  }
  if (current() == "000001") output_of("refresh " + path("refresh.json"));
  EXPECT_EQ(current(), "000002");
  EXPECT_EQ(content_of(path("models/000002/model.safetensors")),
            content_of(path("unbroken/000002/model.safetensors")));
}

TEST_F(RefreshCommand, SaysHowItEnded) {
  const std::string first = output_of("refresh " + path("refresh.json"));
  EXPECT_NE(first.find("000001 is in place"), std::string::npos) << first;
  const std::string quiet = output_of("refresh " + path("refresh.json"));
  EXPECT_NE(quiet.find("nobody chose anything"), std::string::npos) << quiet;
  EXPECT_NE(quiet.find("000001 is in place"), std::string::npos) << quiet;
  write_log(2, 50);
  write_settings("strict.json", -1);
  expect_refusal(tessera("refresh --json " + path("strict.json")), 3, {"NDCG@10", "stays"});
  EXPECT_EQ(current(), "000001");
  expect_refusal(tessera("rollback " + path("refresh.json")), 1, {"no bundle before", "000001"});
  const Json done = json_of("refresh --json " + path("refresh.json"));
  EXPECT_EQ(done.at("bundle"), "000002");
  const std::string back = output_of("rollback " + path("refresh.json"));
  EXPECT_NE(back.find("000001 is in place"), std::string::npos) << back;
  write(path("broken.json"), "{");
  expect_refusal(tessera("refresh " + path("broken.json")), 1, {"broken.json"});
  const std::string help = output_of("refresh --help");
  for (const char* key : {"state", "interactions", "worse_by", "keep"}) {
    EXPECT_NE(help.find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace tessera::testing
