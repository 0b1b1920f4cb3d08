#include "base/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/archive_reader.h"
#include "base/error.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 64U << 10;

// Of "a.zip/b/c" the "a.zip", if that is a file.
fs::path archive_of(const fs::path& path) {
  std::error_code unknown;
  fs::path at = path.parent_path();
  while (!at.empty() && at != at.parent_path() && !fs::exists(at, unknown)) at = at.parent_path();
  return fs::is_regular_file(at, unknown) ? at : fs::path();
}

}  // namespace

struct ByteStream::State {
  enum class Packing { none, gzip, zstd, archive };

  std::string name;
  Watcher watcher;
  int file = -1;
  std::uint64_t size = 0;
  std::uint64_t taken = 0;  // bytes of the file
  std::string_view raw;     // what was read of it and not yet handed out
  std::vector<char> piece;  // where it lies, unless in the caller's memory
  Packing packing = Packing::none;
  bool started = false;
  bool between = true;  // packed members: none is open
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
  std::optional<ArchiveReader> archive;
  std::string archive_file;  // if it can be opened again
  std::string member;        // of a zip archive; "": the only one

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (file >= 0) ::close(file);
    if (packing == Packing::gzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
  }

  static Packing packing_of(std::string_view head) {
    if (head.starts_with("\x1f\x8b")) return Packing::gzip;
    if (head.starts_with("\x28\xb5\x2f\xfd")) return Packing::zstd;
    if (is_archive(head)) return Packing::archive;
    return Packing::none;
  }

  std::size_t take(std::span<char> into) {
    if (file < 0) return 0;
    ssize_t got = 0;
    do {
      got = ::read(file, into.data(), into.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail("{}: cannot read: {}", name, std::strerror(errno));
    taken += static_cast<std::size_t>(got);
    if (watcher) watcher(taken, size);
    return static_cast<std::size_t>(got);
  }

  // More of the file in `raw`, which must be used up; false at its end.
  bool refill() {
    piece.resize(kPiece);
    raw = {piece.data(), take(piece)};
    return !raw.empty();
  }

  void start() {
    started = true;
    // The first bytes tell the packing: a pipe may bring them one by one.
    if (file >= 0) {
      piece.resize(kPiece);
      std::size_t got = 0;
      for (std::size_t more = 1; got < 6 && more > 0; got += more) {
        more = take(std::span(piece).subspan(got));
      }
      raw = {piece.data(), got};
    }
    packing = packing_of(raw);
    if (packing == Packing::gzip && inflateInit2(&gzip, 15 + 16) != Z_OK) {
      packing = Packing::none;
      fail("{}: cannot start zlib", name);
    }
    if (!member.empty() && packing != Packing::archive) {
      fail("{}: is no zip archive, so it holds no '{}'", name, member);
    }
    if (packing == Packing::archive) {
      archive.emplace(name, archive_file, member, [this](std::string_view& bytes) {
        if (raw.empty()) refill();
        bytes = std::exchange(raw, {});
      });
    }
    if (packing == Packing::zstd && (zstd = ZSTD_createDStream()) == nullptr) {
      fail("{}: cannot start zstd", name);
    }
  }

  [[noreturn]] void fail_packing(const char* what) const {
    fail("{}: the {} data is cut short or damaged; fetch the file again", name, what);
  }

  // One call of the library: what it wrote.
  std::size_t inflate_some(std::span<char> into) {
    if (between) inflateReset(&gzip);  // members follow each other
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(raw.data()));
    gzip.avail_in = static_cast<uInt>(std::min<std::size_t>(raw.size(), 1U << 30));
    gzip.next_out = reinterpret_cast<Bytef*>(into.data());
    gzip.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), 1U << 30));
    const uInt room = gzip.avail_out;
    const uInt given = gzip.avail_in;
    const int status = ::inflate(&gzip, Z_NO_FLUSH);
    const bool hungry = status == Z_BUF_ERROR && given == 0;
    if (status != Z_OK && status != Z_STREAM_END && !hungry) fail_packing("gzip");
    between = status == Z_STREAM_END;
    raw.remove_prefix(given - gzip.avail_in);
    return room - gzip.avail_out;
  }

  std::size_t expand_some(std::span<char> into) {
    ZSTD_inBuffer in{raw.data(), raw.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t status = ZSTD_decompressStream(zstd, &out, &in);
    if (ZSTD_isError(status) != 0) fail_packing("zstd");
    between = status == 0;
    raw.remove_prefix(in.pos);
    return out.pos;
  }

  std::size_t unpack(std::span<char> into) {
    if (archive) return archive->read(into);
    const bool gz = packing == Packing::gzip;
    for (;;) {
      // Without input there may be output yet: what did not fit before.
      if (!raw.empty() || !between) {
        const std::size_t got = gz ? inflate_some(into) : expand_some(into);
        if (got > 0) return got;
      }
      if (raw.empty() && !refill()) {
        if (!between) fail_packing(gz ? "gzip" : "zstd");
        return 0;
      }
    }
  }
};

ByteStream::ByteStream(const std::filesystem::path& path, Watcher watcher)
    : state_(std::make_unique<State>()) {
  state_->name = path.string();
  state_->watcher = std::move(watcher);
  fs::path file = path;
  std::error_code unknown;
  if (!fs::exists(path, unknown)) {
    const fs::path archive = archive_of(path);
    if (!archive.empty()) {
      file = archive;
      state_->member = path.lexically_relative(archive).string();
    }
  }
  state_->file = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (state_->file < 0) fail("{}: cannot open: {}", path.string(), std::strerror(errno));
  struct stat info{};
  if (::fstat(state_->file, &info) == 0 && S_ISDIR(info.st_mode)) {
    fail("{}: is a directory, a file is needed", path.string());
  }
  if (!S_ISREG(info.st_mode)) return;
  state_->size = static_cast<std::uint64_t>(info.st_size);
  state_->archive_file = file.string();
}

ByteStream::ByteStream(std::string name, std::string_view content)
    : state_(std::make_unique<State>()) {
  state_->name = std::move(name);
  state_->size = content.size();
  state_->raw = content;
}

ByteStream::~ByteStream() = default;
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;

std::size_t ByteStream::read(std::span<char> into) {
  State& state = *state_;
  if (into.empty()) return 0;
  if (!state.started) state.start();
  if (state.packing != State::Packing::none) return state.unpack(into);
  if (state.raw.empty()) return state.take(into);
  const std::size_t count = std::min(into.size(), state.raw.size());
  std::ranges::copy(state.raw.substr(0, count), into.begin());
  state.raw.remove_prefix(count);
  return count;
}

const std::string& ByteStream::name() const { return state_->name; }
std::uint64_t ByteStream::file_size() const { return state_->size; }

}  // namespace tessera
