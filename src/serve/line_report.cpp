#include "serve/line_report.h"

#include "serve/json.h"

namespace tessera {
namespace {

AnswerJson error_json(const Refusal& refusal) {
  return {{"code", refusal.code}, {"message", refusal.what()}};
}

std::string line_of(const AnswerJson& json) {
  return json.dump(-1, ' ', false, AnswerJson::error_handler_t::replace) + "\n";
}

}  // namespace

void note_failure(LineReport& report, std::size_t line, const Refusal& refusal) {
  if (report.failed++ >= kMostErrors) return;
  report.errors += line_of({{"line", line}, {"error", error_json(refusal)}});
}

Response lines_response(const LineReport& report, int status, const Refusal* stopped) {
  AnswerJson last = {{"lines", report.lines},
                     {"done", report.done},
                     {"repeated", report.repeated},
                     {"failed", report.failed}};
  if (stopped != nullptr) {
    last["line"] = report.line;
    last["error"] = error_json(*stopped);
  }
  return {.status = status,
          .body = report.errors + line_of(last),
          .content_type = "application/x-ndjson"};
}

}  // namespace tessera
