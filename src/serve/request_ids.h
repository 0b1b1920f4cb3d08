#pragma once
#include <string>
#include <string_view>

namespace tessera {

/// A name for a request: the one that the client gave in X-Request-Id, if it is 1 to 128 printable
/// characters without blanks, or a new one of 16 hex digits.
std::string request_id(std::string_view given);

/// The trace that a header traceparent (W3C Trace Context, version 00) belongs to, its 32 hex
/// digits; "" for a header that is none.
std::string_view trace_of(std::string_view traceparent);

}  // namespace tessera
