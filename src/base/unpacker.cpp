#include "base/unpacker.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <new>

#include "base/error.h"

namespace tessera {
namespace {

[[noreturn]] void refuse(const char* coding) { fail("the {} data is damaged", coding); }

}  // namespace

struct Unpacker::State {
  Coding coding = Coding::none;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
  bool between = true;  // no member is open

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (coding == Coding::gzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
  }

  /// Returns how many bytes it put into `into`.
  std::size_t inflate_some(std::string_view& packed, char* into, std::size_t most) {
    if (between && packed.empty()) return 0;
    if (between) inflateReset(&gzip);  // several members may follow each other
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    gzip.avail_in = static_cast<uInt>(packed.size());
    gzip.next_out = reinterpret_cast<Bytef*>(into);
    gzip.avail_out = static_cast<uInt>(most);
    const int result = inflate(&gzip, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) refuse("gzip");
    packed.remove_prefix(packed.size() - gzip.avail_in);
    between = result == Z_STREAM_END;
    return most - gzip.avail_out;
  }

  std::size_t decompress_some(std::string_view& packed, char* into, std::size_t most) {
    if (between && packed.empty()) return 0;
    ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
    ZSTD_outBuffer out = {into, most, 0};
    const std::size_t left = ZSTD_decompressStream(zstd, &out, &in);
    if (ZSTD_isError(left) != 0) refuse("zstd");
    packed.remove_prefix(in.pos);
    between = left == 0;
    return out.pos;
  }
};

Unpacker::Unpacker(Coding coding) : state_(new State) {
  if (coding == Coding::gzip && inflateInit2(&state_->gzip, 15 + 16) != Z_OK)
    throw std::bad_alloc();
  state_->coding = coding;
  if (coding != Coding::zstd) return;
  state_->zstd = ZSTD_createDStream();
  if (state_->zstd == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(state_->zstd, ZSTD_d_windowLogMax, 23);  // 8 MiB, as RFC 8878 asks
}

Unpacker::~Unpacker() = default;

void Unpacker::expand(std::string_view& packed, std::size_t most, std::string& to) {
  State& state = *state_;
  const std::size_t before = to.size();
  if (state.coding == Coding::none) {
    const std::string_view part = packed.substr(0, most);
    to += part;
    packed.remove_prefix(part.size());
    return;
  }
  to.resize(before + most);
  const std::size_t got = state.coding == Coding::gzip
                              ? state.inflate_some(packed, to.data() + before, most)
                              : state.decompress_some(packed, to.data() + before, most);
  to.resize(before + got);
}

bool Unpacker::whole() const { return state_->between; }

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16, kMemory = 8;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);  // there is room for all of it
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace tessera
