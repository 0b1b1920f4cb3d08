#include "study/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "study/markup.h"

namespace tessera {
namespace {

constexpr double kLineWidth = 300;
constexpr double kLineHeight = 190;

std::string open_svg(double width, double height, const std::string& title) {
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" style=\"max-width:{:.0f}px\" role=\"img\" "
      "aria-label=\"{}\">\n",
      width, height, width, escaped(title));
}

std::string text(double x, double y, const char* style, const std::string& what) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n", x, y, style,
                     escaped(what));
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1, x2,
      y2, style);
}

std::string diamond(double x, double y, const std::string& title) {
  return fmt::format(
      "<path d=\"M{:.1f} {:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z\" "
      "class=\"paper\"><title>{}</title></path>\n",
      x, y - 4.5, escaped(title));
}

std::string dot(double x, double y, double radius, const std::string& style,
                const std::string& title) {
  return fmt::format(
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" class=\"{}\"><title>{}</title></circle>\n",
      x, y, radius, escaped(style), escaped(title));
}

std::string shown(double value, bool share) { return share ? percent(value) : number(value, 4); }

// Labels of ticks, with the decimals that their step needs.
std::string tick_label(double value, double step, bool share) {
  if (share) {
    return percent(value, std::max(0, static_cast<int>(std::ceil(-std::log10(100 * step) - 1e-9))));
  }
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return value == 0 ? "0" : number(value, decimals);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// A plot's frame: ticks of y with faint lines, the title above, and the scale.
struct Frame {
  Scale x, y;
  std::string svg;
};

Frame open_frame(const std::string& title, const std::string& x_title, Range range, bool shares,
                 bool from_zero) {
  if (range.empty()) range = {0, 1};
  if (from_zero) range.add(0);
  const std::vector<double> ticks = round_ticks(range.low, range.high, 4);
  Frame frame;
  frame.x = {0, 1, 44, kLineWidth - 12};
  frame.y = {ticks.front(), ticks.back(), kLineHeight - 36, 26};
  frame.svg = open_svg(kLineWidth, kLineHeight, title) + text(0, 12, "title", title);
  for (const double tick : ticks) {
    const double y = frame.y.at(tick);
    frame.svg += line(frame.x.from, y, frame.x.to, y, "grid");
    frame.svg +=
        text(frame.x.from - 6, y + 3.5, "end", tick_label(tick, ticks[1] - ticks[0], shares));
  }
  frame.svg += text((frame.x.from + frame.x.to) / 2, kLineHeight - 4, "middle", x_title);
  return frame;
}

std::string polyline(const Frame& frame, const Series& series) {
  std::string path;
  for (const auto& [x, y] : series.points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", frame.x.at(x), frame.y.at(y));
  }
  return fmt::format("<path d=\"{}\" class=\"curve {}\"><title>{}</title></path>\n", path,
                     escaped(series.style), escaped(series.name));
}

std::string series_svg(const Frame& frame, const Series& series, const LineChart& chart) {
  const auto title = [&](double x, double y) {
    const auto at = static_cast<std::size_t>(std::max(0.0, x));
    const std::string where =
        at < chart.names.size() ? chart.names[at] : fmt::format("{} {:.0f}", chart.x_title, x);
    return fmt::format("{}{}: {}", series.name.empty() ? "" : series.name + ", ", where,
                       shown(y, chart.shares));
  };
  std::string svg = series.points.size() > 1 ? polyline(frame, series) : "";
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    const auto& [x, y] = series.points[i];
    const double deviation = i < series.deviations.size() ? series.deviations[i] : 0.0;
    if (deviation > 0) {
      svg += line(frame.x.at(x), frame.y.at(y - deviation), frame.x.at(x),
                  frame.y.at(y + deviation), "spread");
    }
    if (series.dots || series.points.size() == 1) {
      svg += dot(frame.x.at(x), frame.y.at(y), 3, "dot " + series.style, title(x, y));
    }
  }
  if (series.chosen) {
    const auto& [x, y] = *series.chosen;
    svg += dot(frame.x.at(x), frame.y.at(y), 3, "dot " + series.style, title(x, y));
  }
  for (const auto& [x, y] : series.diamonds) {
    svg += diamond(frame.x.at(x), frame.y.at(y), "the paper, " + title(x, y));
  }
  return svg;
}

}  // namespace

double Scale::at(double value) const {
  if (high == low) return (from + to) / 2;
  return from + (value - low) / (high - low) * (to - from);
}

std::vector<double> round_ticks(double low, double high, std::size_t count) {
  if (high <= low) {  // a little around a single value
    const double around = low == 0 ? 1 : std::abs(low) / 10;
    return round_ticks(low - around, low + around, count);
  }
  const double rough = (high - low) / static_cast<double>(std::max<std::size_t>(count, 1));
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  std::vector<double> ticks;
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string bar_chart(const BarChart& chart) {
  constexpr double kRow = 21;
  constexpr double kTop = 24;
  Range range;
  range.add(0);
  for (const Mark& row : chart.rows) {
    if (row.value) range.add(*row.value + row.deviation);
    if (row.paper) range.add(*row.paper);
  }
  const double high = chart.shares ? 1.0 : range.high > 0 ? range.high : 1.0;
  const Scale x{0, high, chart.label_width, chart.width - 62};
  const double height = kTop + kRow * static_cast<double>(chart.rows.size()) + 6;
  std::string svg = open_svg(chart.width, height, chart.title) + text(0, 12, "title", chart.title);
  double y = kTop + kRow / 2;
  for (const Mark& row : chart.rows) {
    svg += text(x.from - 8, y + 4, "end label", row.label);
    svg += line(x.from, y, x.to, y, "grid");
    if (row.value) {
      const double end = x.at(*row.value);
      svg += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"7\" rx=\"1.5\" "
          "class=\"bar {}\"><title>{}</title></rect>\n",
          x.from, y - 3.5, std::max(end - x.from, 0.5), escaped(row.style),
          escaped(row.label + ": " + shown(*row.value, chart.shares)));
      if (row.deviation > 0) {
        svg += line(x.at(*row.value - row.deviation), y, x.at(*row.value + row.deviation), y,
                    "spread");
      }
    }
    if (row.paper) {
      svg += diamond(x.at(*row.paper), y,
                     "the paper, " + row.label + ": " + shown(*row.paper, chart.shares));
    }
    svg += text(chart.width, y + 4, "end value", row.value ? shown(*row.value, chart.shares) : "–");
    y += kRow;
  }
  return svg + "</svg>\n";
}

std::string line_chart(const LineChart& chart) {
  Range range;
  Range across;
  for (const Series& series : chart.series) {
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      const double deviation = i < series.deviations.size() ? series.deviations[i] : 0.0;
      range.add(series.points[i][1] - deviation);
      range.add(series.points[i][1] + deviation);
      across.add(series.points[i][0]);
    }
    for (const auto& [x, y] : series.diamonds) range.add(y);
  }
  Frame frame = open_frame(chart.title, chart.x_title, range, chart.shares, chart.shares);
  if (!chart.names.empty()) {
    frame.x.low = -0.35;
    frame.x.high = static_cast<double>(chart.names.size()) - 0.65;
    for (std::size_t i = 0; i < chart.names.size(); ++i) {
      frame.svg +=
          text(frame.x.at(static_cast<double>(i)), kLineHeight - 20, "middle", chart.names[i]);
    }
  } else if (!across.empty()) {
    frame.x.low = std::min(0.0, across.low);
    frame.x.high = across.high;
    for (const double tick : round_ticks(frame.x.low, frame.x.high, 4)) {
      if (tick > frame.x.high) continue;
      frame.svg += text(frame.x.at(tick), kLineHeight - 20, "middle", fmt::format("{:g}", tick));
    }
  }
  for (const Series& series : chart.series) frame.svg += series_svg(frame, series, chart);
  return frame.svg + "</svg>\n";
}

std::string spot_chart(const std::string& title, const std::string& x_title,
                       const std::vector<Spot>& spots) {
  Range range;
  Range across;
  across.add(0);
  for (const Spot& spot : spots) {
    range.add(spot.y);
    across.add(spot.x);
  }
  Frame frame = open_frame(title, x_title, range, false, false);
  const std::vector<double> ticks = round_ticks(0, across.high, 4);
  frame.x.low = 0;
  frame.x.high = ticks.back();
  for (const double tick : ticks) {
    frame.svg += text(frame.x.at(tick), kLineHeight - 20, "middle",
                      tick_label(tick, ticks[1] - ticks[0], true));
  }
  std::vector<double> labels;  // their heights, so that none is written over another
  for (const Spot& spot : spots) {
    const double x = frame.x.at(spot.x);
    const double y = frame.y.at(spot.y);
    frame.svg += dot(x, y, 3.5, "dot " + spot.style, spot.title);
    if (spot.label.empty()) continue;
    const bool right = x < (frame.x.from + frame.x.to) / 2;
    double height = y + 3.5;
    while (std::ranges::any_of(labels, [&](double l) { return std::abs(l - height) < 12; })) {
      height -= 12;
    }
    labels.push_back(height);
    frame.svg += text(right ? x + 7 : x - 7, height, right ? "label" : "end label", spot.label);
  }
  return frame.svg + "</svg>\n";
}

std::string cloud_chart(const std::string& title, const std::vector<Cloud>& clouds, double side) {
  constexpr double kTop = 20;
  Range x_range;
  Range y_range;
  for (const Cloud& cloud : clouds) {
    for (const auto& [x, y] : cloud.points) {
      x_range.add(x);
      y_range.add(y);
    }
  }
  if (x_range.empty()) x_range = y_range = {-1, 1};
  const double half = std::max({x_range.high - x_range.low, y_range.high - y_range.low, 1e-12}) / 2;
  const double x_middle = (x_range.low + x_range.high) / 2;
  const double y_middle = (y_range.low + y_range.high) / 2;
  const Scale x{x_middle - half, x_middle + half, 6, side - 6};
  const Scale y{y_middle - half, y_middle + half, kTop + side - 6, kTop + 6};
  std::string svg = open_svg(side, side + kTop, title) + text(0, 12, "title", title);
  svg += fmt::format(
      "<rect x=\"0.5\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"ground\"/>\n",
      kTop + 0.5, side - 1, side - 1);
  for (const Cloud& cloud : clouds) {
    if (cloud.points.empty()) continue;
    // A stroke without length and with round ends is a dot in eight bytes.
    std::string path;
    for (const auto& point : cloud.points) {
      path += fmt::format("M{:.1f} {:.1f}h0", x.at(point[0]), y.at(point[1]));
    }
    const std::string colour = cloud.hue < 0
                                   ? "class=\"cloud quiet\""
                                   : fmt::format("class=\"cloud\" style=\"--h:{:.0f}\"", cloud.hue);
    svg += fmt::format("<path {} stroke-width=\"{:.1f}\" d=\"{}\"/>\n", colour, cloud.size, path);
  }
  return svg + "</svg>\n";
}

}  // namespace tessera
