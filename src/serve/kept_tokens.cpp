#include "serve/kept_tokens.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

constexpr std::size_t kTagBytes = 16;
// What a text's codes depend on.
constexpr std::array<const char*, 3> kFiles = {"config.json", "model.safetensors",
                                               kTextEncoderFile};

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string tag() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return {digest.begin(), digest.begin() + kTagBytes};
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// In parts, and not mapped: a file that shrinks meanwhile is then shorter, and nothing worse.
void add_file(Hash& hash, const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT) return;
    fail("{}: cannot be read: {}", file.string(), std::strerror(errno));
  }
  std::string part(std::size_t{1} << 18, '\0');
  ssize_t count = 0;
  while ((count = ::read(descriptor, part.data(), part.size())) > 0) {
    hash.add(std::string_view(part.data(), static_cast<std::size_t>(count)));
  }
  ::close(descriptor);
}

std::string tag_of(std::string_view fingerprint, std::string_view text) {
  Hash hash;
  hash.add(fingerprint);
  hash.add(text);
  return hash.tag();
}

}  // namespace

std::string bundle_fingerprint(const fs::path& bundle) {
  Hash hash;
  for (const char* name : kFiles) {
    hash.add(name);
    add_file(hash, bundle / name);
  }
  return hash.tag();
}

std::string bundle_version(const fs::path& bundle) {
  std::string version;
  for (const char* name : kFiles) {
    struct stat file{};
    if (::stat((bundle / name).c_str(), &file) != 0) continue;
    version +=
        fmt::format("{} {} {} {}.{} {}.{};", name, file.st_ino, file.st_size, file.st_mtim.tv_sec,
                    file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec);
  }
  return version;
}

std::string keep_codes(std::string_view fingerprint, std::string_view text,
                       std::span<const std::int32_t> codes) {
  std::string kept = tag_of(fingerprint, text);
  for (const std::int32_t code : codes) {
    kept += static_cast<char>(code & 0xFF);
    kept += static_cast<char>(code >> 8 & 0xFF);
    kept += static_cast<char>(code >> 16 & 0xFF);
  }
  return kept;
}

std::optional<std::vector<std::int32_t>> kept_codes(std::string_view kept,
                                                    std::string_view fingerprint,
                                                    std::string_view text) {
  if (fingerprint.empty() || kept.size() < kTagBytes || (kept.size() - kTagBytes) % 3 != 0 ||
      kept.substr(0, kTagBytes) != tag_of(fingerprint, text)) {
    return std::nullopt;
  }
  std::vector<std::int32_t> codes;
  for (std::size_t i = kTagBytes; i < kept.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return static_cast<std::int32_t>(static_cast<unsigned char>(kept[i + at]));
    };
    codes.push_back(byte(0) | byte(1) << 8 | byte(2) << 16);
  }
  return codes;
}

}  // namespace tessera
