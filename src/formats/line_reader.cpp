#include "formats/line_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::size_t kBuffer = 256U << 10;

std::unique_ptr<char[]> padded(std::size_t capacity) {
  return std::make_unique_for_overwrite<char[]>(capacity + LineReader::kPadding);
}

struct Binary {
  std::string_view beginning;
  std::size_t at;
  const char* what;
  const char* remedy;
};

using namespace std::string_view_literals;
constexpr const char* kPandas = "read it in Python and give the table: tessera.prepare";
constexpr Binary kBinaries[] = {
    {"PAR1", 0, "a Parquet file", "tessera.prepare(pandas.read_parquet(...), ...)"},
    {"ARROW1", 0, "an Arrow file", "tessera.prepare(pyarrow.feather.read_table(...), ...)"},
    {"\xD0\xCF\x11\xE0", 0, "an Excel workbook",
     "save it as CSV, or tessera.prepare(pandas.read_excel(...), ...)"},
    {"\x89HDF", 0, "an HDF5 file", kPandas},
    {"SQLite format 3", 0, "an SQLite database",
     "export the table: sqlite3 -csv -header FILE 'select ...'"},
    {"\x93NUMPY", 0, "a NumPy array", kPandas},
    {"\x80\x04"sv, 0, "a Python pickle", kPandas},
    {"Obj\x01", 0, "an Avro file", kPandas},
    {"7z\xBC\xAF", 0, "a 7z archive", "unpack it"},
    {"%PDF", 0, "a PDF", "export its table as CSV"},
    {"ustar", 257, "a tar archive", "unpack it: tar -xf"},
};

}  // namespace

LineReader::LineReader(ByteStream& stream, std::string encoding)
    : stream_(stream),
      encoding_(std::move(encoding)),
      buffer_(padded(kBuffer)),
      capacity_(kBuffer) {}

bool LineReader::fill() {
  if (record_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + record_, end_ - record_);
    at_ -= record_;
    end_ -= record_;
    record_ = 0;
  }
  if (end_ == capacity_) {
    if (capacity_ >= kLongestRecord) {
      fail("{}:{}: the record is longer than {} MiB: is a quote not closed, or a line end missing?",
           name(), number_, kLongestRecord >> 20);
    }
    auto larger = padded(2 * capacity_);
    std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
    capacity_ *= 2;
  }
  const std::span<char> room(buffer_.get() + end_, capacity_ - end_);
  const std::size_t got = decoder_ ? decoder_->read(room) : stream_.read(room);
  end_ += got;
  return got > 0;
}

// Fills the buffer, and learns the encoding from it.
void LineReader::start() {
  started_ = true;
  const auto fill_up = [&] {
    while (end_ < capacity_ && fill()) {
    }
    return std::string_view(buffer_.get(), end_);
  };
  std::string_view head = fill_up();
  for (const Binary& binary : kBinaries) {
    if (head.size() < binary.at || !head.substr(binary.at).starts_with(binary.beginning)) continue;
    fail("{}: is {}; {}", name(), binary.what, binary.remedy);
  }
  if (encoding_.empty()) encoding_ = guessed_ = guess_encoding(head);
  constexpr std::array kUtf8 = {"", "utf-8", "utf8", "UTF-8", "UTF8", "utf-8-sig"};
  const bool utf8 = std::ranges::find(kUtf8, encoding_) != kUtf8.end();
  if (utf8 && (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))) {
    fail("{}: is UTF-16; convert it: iconv -f UTF-16 -t UTF-8", name());
  }
  if (!utf8) {
    decoder_ = std::make_unique<Decoder>(stream_, encoding_, head);
    end_ = 0;
    head = fill_up();
  }
  if (head.starts_with("\xEF\xBB\xBF")) record_ = at_ = 3;
}

std::string_view LineReader::ahead() {
  if (!started_) start();
  return {buffer_.get() + at_, end_ - at_};
}

bool LineReader::take_line() {
  if (!started_) start();
  std::size_t searched = at_;
  const char* found = nullptr;
  for (;;) {
    found = static_cast<const char*>(std::memchr(buffer_.get() + searched, '\n', end_ - searched));
    if (found != nullptr) break;
    const std::size_t ahead = end_ - at_;
    const bool more = fill();
    searched = at_ + ahead;
    if (!more) break;
  }
  if (found == nullptr && at_ == end_) return false;
  const std::size_t stop =
      found == nullptr ? end_ : static_cast<std::size_t>(found - buffer_.get());
  at_ = found == nullptr ? end_ : stop + 1;
  line_ = {buffer_.get() + record_, stop - record_};
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  ++lines_;
  return true;
}

bool LineReader::next() {
  record_ = at_;
  number_ = lines_ + 1;
  return take_line();
}

bool LineReader::extend() { return take_line(); }

void LineReader::back_to_first() {
  if (lines_ <= number_) return;
  const auto* first =
      static_cast<const char*>(std::memchr(buffer_.get() + record_, '\n', end_ - record_));
  at_ = static_cast<std::size_t>(first - buffer_.get()) + 1;
  lines_ = number_;
}

}  // namespace tessera
