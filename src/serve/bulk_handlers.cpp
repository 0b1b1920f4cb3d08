// Bodies of many lines: each is a request of its own, and is answered for only if it fails.
#include <algorithm>
#include <functional>

#include "base/texts.h"
#include "serve/answers.h"
#include "serve/appending.h"
#include "serve/handlers.h"
#include "serve/line_report.h"

namespace tessera {
namespace {

using Kind = StoredChange::Kind;

/// Calls visit(line) for each line that is not empty.
void for_each_body_line(std::string_view body, LineReport& report,
                        const std::function<void(std::string_view)>& visit) {
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    const std::string_view line = trimmed(body.substr(0, end), " \t\r");
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    ++report.line;
    if (line.empty()) continue;
    ++report.lines;
    visit(line);
  }
}

ServedModel::Wish wish_of(const Body& body) {
  const std::string id = body.id("id").value();
  ServedModel::Wish wish = {.kind = Kind::attributes, .item = {id, "", ""}};
  const auto title = body.text("title"), text = body.text("text");
  if (auto attributes = attributes_in(body)) wish.values = std::move(*attributes);
  if (body.flag("erase")) {
    if (title || text || body.has("attributes")) {
      throw Refusal(400, "invalid_request", "'erase' stands with 'id' alone");
    }
    wish.kind = Kind::erase;
  } else if (title || text) {
    wish.kind = Kind::put;
    wish.item.title = title.value_or("");
    wish.item.text = text.value_or(wish.item.title);
    if (wish.item.text.empty()) {
      throw Refusal(400, "invalid_request", "give a 'title', a 'text', or both");
    }
  } else if (!body.has("attributes")) {
    throw Refusal(400, "invalid_request", "give a 'title', a 'text', 'attributes' or 'erase'");
  }
  return wish;
}

/// The report of this part, or of a body that came whole.
class Reporting {
 public:
  explicit Reporting(const Call& call)
      : shared_(call.request.lines), report_(shared_ != nullptr ? *shared_ : own_) {}
  LineReport& report() { return report_; }
  Response answer() const { return lines_response(report_, 200); }

 private:
  LineReport* shared_;
  LineReport own_;
  LineReport& report_;
};

}  // namespace

Response bulk_items(Call& call) {
  Reporting reporting(call);
  LineReport& report = reporting.report();
  const LineReport before = report;
  std::vector<ServedModel::Wish> wishes;
  std::vector<std::size_t> lines;
  for_each_body_line(call.request.body, report, [&](std::string_view line) {
    try {
      wishes.push_back(wish_of(Body(call.scratch, line, call.match.route->body, call.granted)));
      lines.push_back(report.line);
    } catch (const Refusal& refusal) {
      note_failure(report, report.line, refusal);
    }
  });
  std::vector<std::optional<Refusal>> refused;
  try {
    refused = call.service.change_items(wishes);
  } catch (const Refusal&) {
    report = before;  // whoever sends these lines again changes nothing by it
    throw;
  }
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (refused[i]) {
      note_failure(report, lines[i], *refused[i]);
    } else {
      ++report.done;
    }
  }
  return reporting.answer();
}

Task<Response> bulk_events(Call& call) {
  Reporting reporting(call);
  LineReport& report = reporting.report();
  struct Line {
    std::size_t number;
    std::string_view text;
  };
  std::vector<Line> lines;
  for_each_body_line(call.request.body, report,
                     [&](std::string_view line) { lines.push_back({report.line, line}); });
  const std::string_view header = call.request.idempotency_key;
  for (const Line& line : lines) {
    std::optional<Refusal> refused;
    try {
      std::optional<EventBatch> batch;
      {
        const Body body(call.scratch, line.text, call.match.route->body, call.granted);
        batch = event_batch_of(body, body.id("user").value());
      }
      if (batch->key.empty() && !header.empty())
        batch->key = fmt::format("{}:{}", header, line.number);
      Task<Appended> appending = append(call, std::move(*batch));
      const Appended appended = co_await std::move(appending);
      ++(appended.repeated ? report.repeated : report.done);
    } catch (const Refusal& refusal) {
      if (refusal.status == 503) {  // the rest would not fare better
        report.line = line.number - 1;
        report.lines = report.done + report.repeated + report.failed;
        throw;
      }
      refused = refusal;
    }
    if (refused) note_failure(report, line.number, *refused);
  }
  co_return reporting.answer();
}

}  // namespace tessera
