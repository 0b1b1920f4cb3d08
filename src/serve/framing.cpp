#include "serve/framing.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/texts.h"
#include "serve/hosts.h"

namespace tessera {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Fields that say where a request ends, to whom it goes and what it may: two of one kind could be
/// read by another program in another way.
constexpr std::array<std::string_view, 8> kOnce = {"content-length", "transfer-encoding", "host",
                                                   "authorization",  "idempotency-key",   "origin",
                                                   "expect",         "content-encoding"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A character of a method or a field's name (RFC 9110, section 5.6.2).
bool is_token(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_text(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }

/// "METHOD target HTTP/1.1"; the version's last digit, or nothing.
std::optional<char> minor_version(std::string_view line) {
  const std::size_t method = line.find(' ');
  const std::size_t version = line.rfind(' ');
  if (method == std::string_view::npos || version == method) return std::nullopt;
  const std::string_view target = line.substr(method + 1, version - method - 1);
  const bool good =
      method > 0 && std::ranges::all_of(line.substr(0, method), is_token) && !target.empty() &&
      std::ranges::all_of(target, [](char c) { return c != ' ' && c != '\t' && is_text(c); });
  const std::string_view word = line.substr(version + 1);
  if (!good || (word != "HTTP/1.1" && word != "HTTP/1.0")) return std::nullopt;
  return word.back();
}

/// What the fields of one header say about the framing.
struct Fields {
  std::array<bool, kOnce.size()> seen{};

  bool has(std::string_view name) const {
    return seen[static_cast<std::size_t>(std::ranges::find(kOnce, name) - kOnce.begin())];
  }

  std::optional<FramingFault> take(std::string_view name, std::string_view value) {
    const auto* const known =
        std::ranges::find_if(kOnce, [&](std::string_view once) { return same_words(once, name); });
    if (known == kOnce.end()) return std::nullopt;
    bool& already = seen[static_cast<std::size_t>(known - kOnce.begin())];
    if (already) return FramingFault{"a header field that may stand once stands there twice"};
    already = true;
    if (*known == "content-length" &&
        (value.empty() || value.size() > 18 || !std::ranges::all_of(value, is_digit))) {
      return FramingFault{"Content-Length must be one whole number"};
    }
    if (*known == "transfer-encoding" && !same_words(value, "chunked")) {
      return FramingFault{"the only transfer coding known here is chunked"};
    }
    if (*known == "host" && !host_name(value))
      return FramingFault{"Host must be NAME or NAME:PORT"};
    return std::nullopt;
  }
};

}  // namespace

bool is_one_line(std::string_view text) { return std::ranges::all_of(text, is_text); }

std::size_t header_size(std::string_view received) {
  for (std::size_t at = received.find('\n'); at != std::string_view::npos;
       at = received.find('\n', at + 1)) {
    const bool whole_end = at > 0 && received[at - 1] == '\r';
    if (!whole_end || received.substr(0, at + 1).ends_with("\r\n\r\n") || at == 1) return at + 1;
  }
  return 0;
}

std::optional<FramingFault> check_framing(std::string_view header) {
  std::size_t end = header.find(kLineEnd);
  if (!header.ends_with("\r\n\r\n")) return FramingFault{"lines must end in CR LF"};
  const std::optional<char> version = minor_version(header.substr(0, end));
  if (!version) return FramingFault{"this is not HTTP/1.1"};
  Fields fields;
  for (header.remove_prefix(end + 2); header != kLineEnd; header.remove_prefix(end + 2)) {
    end = header.find(kLineEnd);
    const std::string_view line = header.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos ||
        !std::ranges::all_of(line.substr(0, colon), is_token)) {
      return FramingFault{"a header field must be NAME: VALUE on one line"};
    }
    const std::string_view value = line.substr(colon + 1);
    if (!is_one_line(value)) return FramingFault{"a header field holds a control character"};
    if (const auto wrong = fields.take(line.substr(0, colon), trimmed(value, " \t"))) return wrong;
  }
  const bool chunked = fields.has("transfer-encoding");
  if (chunked && fields.has("content-length")) {
    return FramingFault{"Content-Length and Transfer-Encoding contradict each other"};
  }
  if (chunked && *version == '0') return FramingFault{"HTTP/1.0 has no Transfer-Encoding"};
  if (!fields.has("host") && *version == '1') return FramingFault{"Host is missing"};
  return std::nullopt;
}

}  // namespace tessera
