#include "serve/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/error.h"
#include "base/numbers.h"
#include "serve/exchange.h"

namespace tessera {
namespace {

constexpr std::size_t kShortestToken = 16;

const char* name_of(Access access) {
  switch (access) {
    case Access::write:
      return "'write' or 'admin'";
    case Access::admin:
      return "'admin'";
    default:
      return "'read', 'write' or 'admin'";
  }
}

bool allows(const fs::path& path, fs::perms permissions) {
  return (fs::status(path).permissions() & permissions) != fs::perms::none;
}

/// "50/s" or "0.5/s"; null for anything else.
std::shared_ptr<RateLimit> limit_of(std::string_view text) {
  if (!text.ends_with("/s")) return nullptr;
  const auto rate = parse_number<double>(text.substr(0, text.size() - 2));
  if (!rate || !(*rate > 0.0 && *rate <= 1e9)) return nullptr;
  return std::make_shared<RateLimit>(*rate);
}

}  // namespace

void require(Access needed, Access granted, std::string_view what) {
  if (granted >= needed) return;
  throw Refusal(
      401, "unauthorized",
      fmt::format("{} needs a {} token: Authorization: Bearer TOKEN", what, name_of(needed)));
}

void check_secret(const fs::path& file, std::string_view what) {
  const std::string name = file.string();
  if (allows(file, fs::perms::others_read)) {
    fail("{}: anybody on this machine can read {}: chmod 600 {}", name, what, name);
  }
  if (allows(file, fs::perms::group_write | fs::perms::others_write)) {
    fail("{}: others can change {}: chmod 600 {}", name, what, name);
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (allows(folder, fs::perms::others_write) && !allows(folder, fs::perms::sticky_bit)) {
    fail("{}: others can replace {} in {}: chmod o-w {}", name, what, folder.string(),
         folder.string());
  }
}

AccessTokens::Digest AccessTokens::digest_of(std::string_view token) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

AccessTokens::AccessTokens(const fs::path& file) {
  const std::string text = read_file(file);
  check_secret(file, "the tokens");
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (line.empty() || line.starts_with('#')) return;
    const std::size_t blank = line.find(' ');
    const std::string_view word = line.substr(0, blank);
    std::string_view token =
        blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
    std::shared_ptr<RateLimit> limit;
    if (const std::size_t more = token.find(' '); more != std::string_view::npos) {
      limit = limit_of(token.substr(more + 1));
      if (limit) token = token.substr(0, more);  // otherwise it holds a blank, which no token may
    }
    const Access access = word == "read"    ? Access::read
                          : word == "write" ? Access::write
                          : word == "admin" ? Access::admin
                                            : Access::open;
    const bool printed = std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7F'; });
    if (access == Access::open || token.size() < kShortestToken || !printed) {
      fail(
          "{}:{}: write 'read', 'write' or 'admin', a blank, and a token of at least {} printable "
          "characters, behind which may stand how many requests a second it may make: 50/s",
          file.string(), number, kShortestToken);
    }
    if (access == Access::read) reading_needs_one_ = true;
    tokens_.push_back({access, digest_of(token), std::move(limit)});
  });
  if (tokens_.empty()) fail("{}: holds no token", file.string());
}

AccessTokens::Grant AccessTokens::grant(std::string_view authorization) const {
  if (tokens_.empty()) return {Access::admin, nullptr};
  Grant granted = {reading_needs_one_ ? Access::open : Access::read, nullptr};
  constexpr std::string_view kScheme = "bearer ";
  const bool bearer =
      authorization.size() > kScheme.size() &&
      std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme,
                         [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  if (!bearer) return granted;
  const Digest digest = digest_of(authorization.substr(kScheme.size()));
  for (const Token& token : tokens_) {  // all of them, whichever fits
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) {
      granted = {std::max(granted.access, token.access), token.limit.get()};
    }
  }
  return granted;
}

}  // namespace tessera
