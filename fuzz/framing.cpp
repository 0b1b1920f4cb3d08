// Any bytes are either no whole header yet, or refused, or a header whose framing nobody can doubt:
// then whatever would make it doubtful makes it refused.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "serve/framing.h"
#include "serve/hosts.h"

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

/// The header with another line before its end.
std::string with(std::string header, const char* line) {
  header.insert(header.size() - 2, line);
  return header;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view received(reinterpret_cast<const char*>(data), size);
  const std::size_t end = tessera::header_size(received);
  must(end <= size);
  if (end == 0) return 0;
  const std::string header(received.substr(0, end));
  must(tessera::header_size(header) == end);
  if (tessera::check_framing(header)) return 0;
  must(header.find("\r\n\r\n") == header.size() - 4);
  for (std::size_t at = 0; at < header.size(); ++at) {
    must((header[at] == '\n') == (at > 0 && header[at - 1] == '\r'));
    must(header[at] != '\0');
  }
  for (const char* line :
       {"Transfer-Encoding: x\r\n", "Transfer-Encoding : chunked\r\n", "Content-Length: +1\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Host: a\r\nHost: a\r\n", " folded\r\n",
        "no colon\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "X: \x01\r\n",
        "X: y\n", "X: y\r"}) {
    must(tessera::check_framing(with(header, line)).has_value());
  }
  // Its rest does not count.
  must(tessera::header_size(header + "GET / HTTP/1.1\r\n\r\n") == end);
  tessera::HostNames().know(received, "");
  return 0;
}
