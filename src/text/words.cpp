#include "text/words.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

namespace tessera {
namespace {

// Invalid bytes become blanks, so that the library below accepts the text.
std::string repair_utf8(std::string_view text) {
  std::string clean(text);
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = 0;
    const auto length =
        utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    if (length <= 0) {
      clean[i++] = ' ';
    } else {
      if (code == 0) clean[i] = ' ';
      i += static_cast<std::size_t>(length);
    }
  }
  return clean;
}

bool is_word_part(utf8proc_int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_unspaced_script(utf8proc_int32_t code) {
  return (code >= 0x3040 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x4dbf) ||
         (code >= 0x4e00 && code <= 0x9fff) || (code >= 0xf900 && code <= 0xfaff) ||
         (code >= 0x20000 && code <= 0x323af);
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  const std::string clean = repair_utf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(clean.data()),
      static_cast<utf8proc_ssize_t>(clean.size()), &mapped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(mapped, std::free);
  std::vector<std::string> words;
  bool open = false;  // the last word may grow
  for (utf8proc_ssize_t i = 0; i < size;) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(mapped + i, size - i, &code);
    if (length <= 0) break;
    if (is_word_part(code)) {
      const bool alone = is_unspaced_script(code);
      if (!open || alone) words.emplace_back();
      words.back().append(reinterpret_cast<const char*>(mapped + i),
                          static_cast<std::size_t>(length));
      open = !alone;
    } else {
      open = false;
    }
    i += length;
  }
  return words;
}

}  // namespace tessera
