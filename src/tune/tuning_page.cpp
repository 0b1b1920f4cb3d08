#include <algorithm>

#include "base/error.h"
#include "base/texts.h"
#include "tune/trial.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Settings searched</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1c2024; background: #fff }
h1 { font-size: 1.5rem } table { border-collapse: collapse } small { color: #60666c }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #e4e6e8 }
svg { max-width: 100%; font-size: 12px } .axis { stroke: #c4c8cc } text { fill: #60666c }
polyline { fill: none; stroke: #b4bcc6; stroke-width: 1.5 } circle { fill: #b4bcc6 }
.best polyline { stroke: #2f6fb5; stroke-width: 2.5 } .best circle { fill: #2f6fb5 }
.start polyline { stroke: #1c2024; stroke-dasharray: 5 3 } .start circle { fill: #1c2024 }
tr.best td { font-weight: bold }
</style></head><body>
)html";

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    if (c == '&') safe += "&amp;";
    if (c == '<') safe += "&lt;";
    if (c == '>') safe += "&gt;";
    if (c == '"') safe += "&quot;";
    if (c != '&' && c != '<' && c != '>' && c != '"') safe += c;
  }
  return safe;
}

std::string changes_of(const TuneTrial& trial) {
  return trial.number == 0 ? "as it starts" : joined(trial.changes, " ");
}

/// Where values and epochs lie in the picture.
struct Frame {
  double width = 860, height = 340, left = 60, bottom = 30, top = 10;
  double low = 0, high = 1;
  std::size_t epochs = 1;

  double x(std::size_t epoch) const {
    return left + (width - left - 10) * static_cast<double>(epoch) / static_cast<double>(epochs);
  }
  double y(double value) const {
    return top + (height - top - bottom) * (high - value) / (high - low);
  }
};

Frame frame_of(const std::vector<TuneTrial>& trials, const std::string& metric) {
  Frame frame;
  std::vector<double> values;
  for (const TuneTrial& trial : trials) {
    frame.epochs = std::max(frame.epochs, trial.curve.size());
    for (const Json& line : trial.curve) values.push_back(line.at("validation").at(metric));
  }
  if (values.empty()) return frame;
  frame.low = std::ranges::min(values);
  frame.high = std::ranges::max(values);
  if (frame.high <= frame.low) frame.high = frame.low + 1e-3;
  return frame;
}

std::string axes(const Frame& frame, const std::string& metric) {
  std::string svg;
  constexpr int kLines = 4;
  for (int i = 0; i <= kLines; ++i) {
    const double value = frame.low + (frame.high - frame.low) * i / kLines;
    svg += fmt::format(
        "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4f}</text>\n",
        frame.left, frame.width - 10, frame.y(value), frame.y(value), frame.left - 6,
        frame.y(value) + 4, value);
  }
  const std::size_t step = std::max<std::size_t>(1, frame.epochs / 10);
  for (std::size_t epoch = step; epoch <= frame.epochs; epoch += step) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       frame.x(epoch), frame.height - 12, epoch);
  }
  return svg + fmt::format("<text x=\"{}\" y=\"{}\">{} by epoch</text>\n", frame.left, frame.height,
                           escaped(metric));
}

std::string curve(const Frame& frame, const TuneTrial& trial, const std::string& metric,
                  std::string_view kind) {
  if (trial.curve.empty()) return "";
  std::string points;
  for (std::size_t e = 0; e < trial.curve.size(); ++e) {
    points += fmt::format("{:.1f},{:.1f} ", frame.x(e + 1),
                          frame.y(trial.curve[e].at("validation").at(metric)));
  }
  const std::string last = points.substr(points.rfind(' ', points.size() - 2) + 1);
  const std::size_t comma = last.find(',');
  return fmt::format(
      "<g class=\"{}\"><title>trial {}: {}</title><polyline points=\"{}\"/>"
      "<circle r=\"3\" cx=\"{}\" cy=\"{}\"/></g>\n",
      kind, trial.number, escaped(changes_of(trial)), points, last.substr(0, comma),
      last.substr(comma + 1, last.size() - comma - 2));
}

std::string row(const TuneTrial& trial, const std::string& metric, std::string_view kind) {
  const std::optional<double> value = trial.value(metric);
  const bool failed = !trial.failure.empty();
  return fmt::format(
      "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{} of {}</td><td>{}</td></tr>\n", kind,
      trial.number, value && !failed ? fmt::format("{:.4f}", *value) : "",
      value && !failed ? std::to_string(trial.best_epoch(metric)) : "", trial.curve.size(),
      trial.epochs,
      escaped(changes_of(trial) + (failed ? ": failed, " + trial.failure : std::string())));
}

}  // namespace

std::string tuning_page(const Json& asked, const std::vector<TuneTrial>& trials,
                        const std::string& metric) {
  const std::vector<const TuneTrial*> list = ranked(trials, metric);
  const auto kind = [&](const TuneTrial& trial) {
    if (!list.empty() && list.front() == &trial) return "best";
    return trial.number == 0 ? "start" : "";
  };
  std::string page(kHead);
  page += fmt::format("<h1>Settings searched</h1>\n<p>{}, from the recipe {}: {}</p>\n",
                      escaped(asked.at("data").get<std::string>()),
                      escaped(asked.at("settings").at("recipe").get<std::string>()),
                      escaped(joined(asked.at("search").get<std::vector<std::string>>(), "; ")));
  const Frame frame = frame_of(trials, metric);
  page += fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\">\n", frame.width,
                      frame.height + 4, frame.width, frame.height + 4);
  page += axes(frame, metric);
  for (const TuneTrial& trial : trials) page += curve(frame, trial, metric, kind(trial));
  page +=
      "</svg>\n<p><small>On validation. Blue: the best; dashed: the settings that the search "
      "starts from. A curve that ends early lost to others after as many of its epochs.</small>"
      "</p>\n";
  page += fmt::format(
      "<table><tr><th>trial</th><th>{}</th><th>epoch</th><th>trained</th><th>settings</th></tr>\n",
      escaped(metric));
  for (const TuneTrial* trial : list) page += row(*trial, metric, kind(*trial));
  for (const TuneTrial& trial : trials) {
    if (std::ranges::find(list, &trial) == list.end()) page += row(trial, metric, "");
  }
  return page + "</table></body></html>\n";
}

}  // namespace tessera
