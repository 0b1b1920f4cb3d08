#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/service.h"
#include "testing/small_model.h"
#include "testing/temp_directory.h"

namespace tessera::testing {

using Parsed = nlohmann::json;

/// Titles, which are the texts as well, of a tiny catalogue; item i has the id i + 1.
inline const std::vector<std::string>& small_titles() {
  static const std::vector<std::string> titles = {
      "steel teapot", "steel kettle",  "glass teapot",     "glass kettle",
      "walnut lamp",  "walnut desk",   "oak desk",         "oak lamp",
      "silk scarf",   "wool scarf",    "wool blanket",     "silk pillow",
      "red lipstick", "pink lipstick", "red nail varnish", "pink nail varnish"};
  return titles;
}

inline constexpr std::size_t kSmallTextDims = 8;

/// Writes a bundle with this text encoder.
inline void write_small_bundle(const fs::path& directory, const TextEncoder& encoder,
                               const char* tokens, std::uint64_t seed) {
  const std::vector<std::string>& titles = small_titles();
  const std::vector<std::string_view> texts(titles.begin(), titles.end());
  const bool reads = std::string_view(tokens) != "id";
  const Recommender model =
      small_model(small_settings(tokens), titles.size(), reads ? encoder.dims() : 0, seed);
  std::vector<CatalogueItem> items;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    items.push_back({std::to_string(i + 1), titles[i], ""});
  }
  write_bundle(directory, model, encode_catalogue(model, encoder.encode(texts)), items, {});
  if (reads) encoder.save(directory / kTextEncoderFile);
}

/// Writes a bundle with a text encoder fitted to the titles.
inline void write_small_bundle(const fs::path& directory, const char* tokens = "unified",
                               std::uint64_t seed = 7) {
  const std::vector<std::string>& titles = small_titles();
  const std::vector<std::string_view> texts(titles.begin(), titles.end());
  write_small_bundle(directory, TfidfEncoder::fit(texts, {.dims = kSmallTextDims, .min_df = 1}),
                     tokens, seed);
}

/// A service over a small bundle and a store in memory, called without sockets.
class SmallService {
 public:
  explicit SmallService(const char* tokens = "unified", const AccessTokens& access = {})
      : store_(open_store("")) {
    write_small_bundle(bundle(), tokens);
    service_ = std::make_unique<Service>(bundle(), *store_, access, log_);
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
