#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

// Charts as SVG elements for the inside of an HTML page, which brings their style: the classes
// below and colours as custom properties, so that they follow a light or a dark ground. Texts are
// given plain and escaped here. Widths and heights are pixels.

/// Maps [low, high] to [from, to], linearly; an interval without width is mapped to the middle.
struct Scale {
  double low = 0, high = 1;
  double from = 0, to = 1;
  double at(double value) const;
};

/// About `count` round numbers from the first at or below `low` to the first at or above `high`, in
/// steps of 1, 2 or 5 times a power of ten.
std::vector<double> round_ticks(double low, double high, std::size_t count);

/// A value with the deviation over seeds (0: none) and the paper's value.
struct Mark {
  std::string label;
  std::string style;  ///< a class: "ours", "other", "rule", "peer"
  std::optional<double> value;
  double deviation = 0;
  std::optional<double> paper;
};

/// Horizontal bars from zero, a row each, the value behind; the paper's value is a diamond.
struct BarChart {
  std::string title;
  std::vector<Mark> rows;
  bool shares = false;  ///< values are fractions, shown in per cent on a scale from 0 to 1
  double width = 470;
  double label_width = 150;
};
std::string bar_chart(const BarChart& chart);

struct Series {
  std::string name;
  std::string style;                            ///< a class that colours it: "c0" …, "r0" …
  std::vector<std::array<double, 2>> points;    ///< x and y, x ascending
  std::vector<double> deviations;               ///< beside the points, or empty
  std::vector<std::array<double, 2>> diamonds;  ///< the paper's
  bool dots = true;
  std::optional<std::array<double, 2>> chosen;  ///< a point to stress
};

/// Lines over x. With names, x counts them from 0; without, x is a number.
struct LineChart {
  std::string title;
  std::string x_title;
  std::vector<std::string> names;
  std::vector<Series> series;
  bool shares = false;
};
std::string line_chart(const LineChart& chart);

/// A point with what it is; `label` is drawn beside it unless it is empty, `title` is shown when
/// pointed at.
struct Spot {
  double x = 0, y = 0;
  std::string label, title, style;
};
/// Spots over shares (x, in per cent) and a metric (y).
std::string spot_chart(const std::string& title, const std::string& x_title,
                       const std::vector<Spot>& spots);

/// Points of one colour, hue in degrees; a negative hue is the ink of quiet things.
struct Cloud {
  double hue = -1;
  double size = 3;
  std::vector<std::array<float, 2>> points;
};
/// Points in a plane, both axes on one scale, without axes: only nearness means something.
std::string cloud_chart(const std::string& title, const std::vector<Cloud>& clouds, double side);

}  // namespace tessera
