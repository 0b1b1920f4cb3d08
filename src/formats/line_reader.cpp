#include "formats/line_reader.h"

#include <cstring>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::size_t kBuffer = 256U << 10;

std::unique_ptr<char[]> padded(std::size_t capacity) {
  return std::make_unique_for_overwrite<char[]>(capacity + LineReader::kPadding);
}

}  // namespace

LineReader::LineReader(ByteStream& stream)
    : stream_(stream), buffer_(padded(kBuffer)), capacity_(kBuffer) {}

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
  const std::size_t got = stream_.read({buffer_.get() + end_, capacity_ - end_});
  end_ += got;
  return got > 0;
}

std::string_view LineReader::ahead() {
  if (!started_) {
    started_ = true;
    while (end_ < capacity_ && fill()) {
    }
    const std::string_view head(buffer_.get(), end_);
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
      fail("{}: is UTF-16; convert it: iconv -f UTF-16 -t UTF-8", name());
    }
    if (head.starts_with("\xEF\xBB\xBF")) record_ = at_ = 3;
  }
  return {buffer_.get() + at_, end_ - at_};
}

bool LineReader::take_line() {
  if (!started_) ahead();
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

}  // namespace tessera
