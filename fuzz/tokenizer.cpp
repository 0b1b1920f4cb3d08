// Any bytes become token ids of the vocabulary, at most as many as asked for, and a lower limit
// only cuts the end off. The first byte chooses the options, the second the limit, the rest is the
// text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "text/wordpiece.h"

namespace {

tessera::WordPiece tokenizer(bool lower_case, bool strip_accents, bool separate_han) {
  tessera::WordPieceOptions options;
  options.lower_case = lower_case;
  options.strip_accents = strip_accents;
  options.separate_han = separate_han;
  return {
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##a", "aa", "##b", "b", "é",  "##é", "e",
       "漢",    "字",    "##字",  "💄",    ",",      ".", "[",   "]",  "unk", "",  "##", "и"},
      options,
      "fuzz"};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tessera::WordPiece tokenizers[] = {
      tokenizer(true, true, true),   tokenizer(true, false, true),  tokenizer(false, true, true),
      tokenizer(false, false, true), tokenizer(true, true, false),  tokenizer(true, false, false),
      tokenizer(false, true, false), tokenizer(false, false, false)};
  if (size < 2) return 0;
  const tessera::WordPiece& by = tokenizers[data[0] % 8];
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t limit = 2 + data[1];
  const std::vector<std::int32_t> all = by.encode(text, 1 << 20);
  const std::vector<std::int32_t> cut = by.encode(text, limit);
  const bool sized = cut.size() == std::min(all.size(), limit);
  const bool framed = cut.front() == 2 && cut.back() == 3;
  const bool known = std::ranges::all_of(all, [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < by.vocabulary().size();
  });
  if (!sized || !framed || !known || !std::equal(cut.begin(), cut.end() - 1, all.begin())) {
    std::abort();
  }
  return 0;
}
