#pragma once
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "serve/rate_limit.h"

namespace tessera {

/// What a caller may do; each allows what is before it.
enum class Access { open, read, write, admin };

/// Throws Refusal 401 that names `what` unless `granted` allows what is `needed` for it.
void require(Access needed, Access granted, std::string_view what);

/// Throws Error naming the file and `what` it holds ("the key") if others can read, change or
/// replace it: whoever can put another in its place chooses what it holds.
void check_secret(const fs::path& file, std::string_view what);

/// The bearer tokens of a service. Only their SHA-256 digests are kept.
class AccessTokens {
 public:
  /// No tokens: everybody may do everything.
  AccessTokens() = default;
  /// A file of lines `read TOKEN`, `write TOKEN` and `admin TOKEN`, each perhaps with a blank and
  /// how many requests a second it may make, such as `50/s`; empty lines and lines that begin with
  /// # are skipped. Without a `read` line everybody may read. Throws Error naming file
  /// and line, also when the file holds no token, or others could read or replace it.
  explicit AccessTokens(const fs::path& file);

  bool empty() const { return tokens_.empty(); }
  /// What the value of an Authorization header allows. The time it takes does not depend on how
  /// much of a token is right.
  Access granted(std::string_view authorization) const { return grant(authorization).access; }
  /// The same with the limit of the token, which lives as long as these; null if it has none.
  struct Grant {
    Access access;
    RateLimit* limit;
  };
  Grant grant(std::string_view authorization) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest_of(std::string_view token);
  struct Token {
    Access access;
    Digest digest;
    std::shared_ptr<RateLimit> limit;
  };
  std::vector<Token> tokens_;
  bool reading_needs_one_ = false;
};

}  // namespace tessera
