#pragma once
#include "serve/exchange.h"

namespace tessera {

/// Errors that are told of one body; beyond that they are counted.
inline constexpr std::size_t kMostErrors = 1000;

/// Adds {"line", "error": {"code", "message"}}.
void note_failure(LineReport& report, std::size_t line, const Refusal& refusal);
/// The errors, and a last line {"lines", "done", "repeated", "failed"}; of a body that was not read
/// to its end, because of `stopped`, with that error and "line", up to which everything is done.
Response lines_response(const LineReport& report, int status, const Refusal* stopped = nullptr);

}  // namespace tessera
