#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/small_bundle.h"
#include "serve/service.h"

namespace tessera::testing {

using Parsed = nlohmann::json;

/// A service over a small bundle and a store in memory, called without sockets.
class SmallService {
 public:
  explicit SmallService(const char* tokens = "unified", const fs::path& token_file = {})
      : store_(open_store("")) {
    write_small_bundle(bundle(), tokens);
    service_ = std::make_unique<Service>(
        ServiceOptions{.models = {{bundle()}}, .token_file = token_file}, *store_, log_);
  }

  fs::path bundle() const { return directory_.path() / "bundle"; }
  const fs::path& directory() const { return directory_.path(); }
  Service& service() { return *service_; }
  Store& store() { return *store_; }
  const Log& log() const { return log_; }

  Response call(std::string_view method, std::string_view target, std::string_view body = "") {
    return service_->answer({.method = method, .target = target, .body = body}, scratch_);
  }
  /// The body of an answer that must have this status.
  Parsed json(std::string_view method, std::string_view target, std::string_view body = "",
              int status = 200) {
    const Response response = call(method, target, body);
    EXPECT_EQ(response.status, status) << method << " " << target << " " << body << "\n"
                                       << response.body;
    return response.body.empty() ? Parsed() : Parsed::parse(response.body);
  }
  /// Expects an error with this status and code.
  void refused(int status, std::string_view code, std::string_view method, std::string_view target,
               std::string_view body = "") {
    const Parsed answer = json(method, target, body, status);
    ASSERT_TRUE(answer.is_object() && answer.contains("error")) << target;
    EXPECT_EQ(answer.at("error").at("code"), code) << target << " " << body << "\n" << answer;
    EXPECT_FALSE(answer.at("error").at("message").get<std::string>().empty());
  }
  /// Reloads and waits for it.
  void reload() {
    ASSERT_TRUE(service_->start_reload());
    while (service_->reloading()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  TempDirectory directory_;
  Log log_{fs::path()};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Service> service_;
  Scratch scratch_;
};

inline std::vector<std::string> ids_of(const Parsed& items) {
  std::vector<std::string> ids;
  for (const Parsed& item : items.at("items")) ids.push_back(item.at("id").get<std::string>());
  return ids;
}

}  // namespace tessera::testing
