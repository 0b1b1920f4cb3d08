#pragma once
#include <optional>
#include <string_view>

namespace tessera {

/// Why a request cannot be read with certainty.
struct FramingFault {
  std::string_view message;  ///< a sentence for people
};

/// The bytes of the header that `received` begins with, through its empty line; 0 if more must
/// come. A line that ends otherwise than in CR LF ends the header, too, for check_framing to
/// refuse.
std::size_t header_size(std::string_view received);

/// Whether the text holds no control characters beside tabs: what follows a chunk's size must be
/// so.
bool is_one_line(std::string_view text);

/// Whether it is certain from a request's header, as it was received, where the request ends and to
/// whom it goes; the reason if not. Whoever forwards requests may read a doubtful one in another
/// way, and its end as the beginning of somebody's next: it is answered once, and the connection
/// closed (RFC 9112, sections 2.2, 3.2, 5 and 6.3). Stricter than the RFC demands: what no client
/// in use sends, such as transfer codings beside chunked, is refused whole.
std::optional<FramingFault> check_framing(std::string_view header);

}  // namespace tessera
