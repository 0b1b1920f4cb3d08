#include "formats/encoding.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"

namespace tessera {
namespace {

constexpr std::size_t kSeenBytes = 256U << 10;  // of a longer text
constexpr std::size_t kPieceBytes = 64U << 10;
const iconv_t kNoConverter = reinterpret_cast<iconv_t>(-1);

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// What UTF-16 looks like: every other byte of Western text is zero.
std::string guess_utf16(std::string_view head) {
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) return "UTF-16";
  const std::string_view first = head.substr(0, 4096);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < first.size(); ++i) zeros[i % 2] += first[i] == '\0' ? 1 : 0;
  for (const std::size_t odd : {0U, 1U}) {
    if (first.size() >= 8 && zeros[odd] * 5 > first.size() && zeros[1 - odd] * 50 < first.size()) {
      return odd == 1 ? "UTF-16LE" : "UTF-16BE";
    }
  }
  return "";
}

// Sequences of UTF-8 beyond ASCII, of two bytes and of more, and bytes that belong to none.
struct Utf8Count {
  std::size_t twos = 0, longer = 0, broken = 0;

  // Other encodings have some sequences of two bytes by chance, and hardly any that are longer.
  bool likely() const { return broken == 0 || twos + 3 * longer > 2 * broken; }
};

Utf8Count count_utf8(std::string_view text) {
  Utf8Count count;
  const bool cut = text.size() >= kSeenBytes;  // then perhaps within a character
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    count.twos += length == 2 ? 1 : 0;
    count.longer += length > 2 ? 1 : 0;
    count.broken += length == 0 && (text.size() > 3 || !cut) ? 1 : 0;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return count;
}

// Whether iconv reads all but perhaps the last bytes.
bool converts(const char* encoding, std::string_view text) {
  const iconv_t converter = ::iconv_open("UTF-8", encoding);
  if (converter == kNoConverter) return false;
  std::string copy(text);
  std::string out(4 * text.size() + 16, '\0');
  char* in = copy.data();
  char* to = out.data();
  std::size_t in_left = copy.size();
  std::size_t out_left = out.size();
  const bool good = ::iconv(converter, &in, &in_left, &to, &out_left) != std::size_t(-1);
  ::iconv_close(converter);
  return good || (errno == EINVAL && in_left < 4);
}

// Pairs of a byte above 0x7F and the next one, as the encodings of East Asia write a character.
struct Pairs {
  std::size_t all = 0;
  std::size_t kana = 0;    // of Shift_JIS
  std::size_t low = 0;     // whose second byte is below 0xA1, which GB 2312 and EUC-KR do not use
  std::size_t hangul = 0;  // whose first byte is one of EUC-KR's syllables
  std::size_t big5 = 0;    // whose first byte is one of Big5's frequent characters
  std::size_t half = 0;    // whose second byte is ASCII no such encoding uses: no pairs at all
};

Pairs count_pairs(std::string_view text) {
  Pairs pairs;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    const unsigned lead = byte_at(text, at);
    if (lead < 0x80) continue;
    const unsigned trail = byte_at(text, ++at);
    ++pairs.all;
    pairs.kana += lead == 0x82 || lead == 0x83 ? 1 : 0;
    pairs.low += trail < 0xA1 ? 1 : 0;
    pairs.hangul += lead >= 0xB0 && lead <= 0xC8 ? 1 : 0;
    pairs.big5 += lead >= 0xA4 && lead <= 0xC6 ? 1 : 0;
    pairs.half += trail < 0x40 ? 1 : 0;
  }
  return pairs;
}

// How many bytes above 0x7F have another beside them, and how many are letters of windows-1251.
struct High {
  std::size_t all = 0, beside = 0, cyrillic = 0;
};

High count_high(std::string_view text) {
  High high;
  const auto above = [&](std::size_t at) { return at < text.size() && byte_at(text, at) >= 0x80; };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!above(at)) continue;
    ++high.all;
    high.beside += above(at + 1) || (at > 0 && above(at - 1)) ? 1 : 0;
    high.cyrillic += byte_at(text, at) >= 0xC0 ? 1 : 0;
  }
  return high;
}

std::string guess_by_pairs(std::string_view head) {
  const Pairs pairs = count_pairs(head);
  const auto share = [&](std::size_t count) {
    return static_cast<double>(count) / static_cast<double>(pairs.all);
  };
  if (pairs.half > 0) return "";
  if (share(pairs.kana) > 0.2 && converts("CP932", head)) return "CP932";
  if (share(pairs.low) > 0.15 && share(pairs.big5) > 0.8 && converts("BIG5-HKSCS", head)) {
    return "BIG5-HKSCS";
  }
  if (share(pairs.hangul) > 0.97 && converts("CP949", head)) return "CP949";
  return converts("GB18030", head) ? "GB18030" : "";
}

}  // namespace

std::string guess_encoding(std::string_view head) {
  if (std::string utf16 = guess_utf16(head); !utf16.empty()) return utf16;
  if (count_utf8(head).likely()) return "";
  const High high = count_high(head);
  if (2 * high.beside > high.all) {
    if (std::string pairs = guess_by_pairs(head); !pairs.empty()) return pairs;
    if (10 * high.cyrillic > 9 * high.all) return "WINDOWS-1251";
  }
  return converts("WINDOWS-1252", head) ? "WINDOWS-1252" : "ISO-8859-1";
}

void check_encoding(const std::string& encoding, std::string_view option) {
  if (encoding.empty()) return;
  const iconv_t converter = ::iconv_open("UTF-8", encoding.c_str());
  if (converter == kNoConverter) {
    fail_usage(
        "{} '{}': is unknown; such as utf-8, latin1, cp1252, gbk, big5, shift_jis, euc-kr or "
        "utf-16 ('iconv -l' lists them)",
        option, encoding);
  }
  ::iconv_close(converter);
}

Decoder::Decoder(ByteStream& stream, const std::string& encoding, std::string_view head)
    : stream_(stream), iconv_(::iconv_open("UTF-8", encoding.c_str())), raw_(head) {
  if (iconv_ == kNoConverter) {
    fail("{}: the encoding '{}' is unknown to iconv", stream.name(), encoding);
  }
}

Decoder::~Decoder() { ::iconv_close(iconv_); }

// Converts what is there, or some more of the stream; false at its end.
bool Decoder::convert_more() {
  constexpr std::string_view kReplacement = "\uFFFD";
  bool end = false;
  if (raw_.size() < kPieceBytes) {
    const std::size_t before = raw_.size();
    raw_.resize(before + kPieceBytes);
    const std::size_t got = stream_.read(std::span(raw_).subspan(before));
    raw_.resize(before + got);
    end = got == 0;
  }
  ready_.clear();
  given_ = 0;
  if (raw_.empty()) return false;
  char* in = raw_.data();
  std::size_t left = raw_.size();
  std::array<char, 16U << 10> piece{};
  while (left > 0) {
    char* to = piece.data();
    std::size_t room = piece.size();
    const std::size_t status = ::iconv(iconv_, &in, &left, &to, &room);
    const int problem = status == std::size_t(-1) ? errno : 0;
    ready_.append(piece.data(), piece.size() - room);
    if (problem == EILSEQ || (problem == EINVAL && end)) {
      ready_ += kReplacement;
      ++in;
      --left;
    } else if (problem == EINVAL) {
      break;  // the rest of the character is yet to come
    }
  }
  raw_.erase(0, raw_.size() - left);
  return true;
}

std::size_t Decoder::read(std::span<char> into) {
  while (given_ == ready_.size()) {
    if (!convert_more()) return 0;
  }
  const std::size_t count = std::min(into.size(), ready_.size() - given_);
  std::memcpy(into.data(), ready_.data() + given_, count);
  given_ += count;
  return count;
}

}  // namespace tessera
