#include "study/chart.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera {
namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

void expect_ticks(const std::vector<double>& ticks, const std::vector<double>& expected) {
  ASSERT_EQ(ticks.size(), expected.size());
  for (std::size_t i = 0; i < ticks.size(); ++i) EXPECT_NEAR(ticks[i], expected[i], 1e-12);
}

TEST(Scale, MapsLinearlyInEitherDirection) {
  const Scale x{0, 200, 40, 290};
  EXPECT_DOUBLE_EQ(x.at(0), 40);
  EXPECT_DOUBLE_EQ(x.at(200), 290);
  EXPECT_DOUBLE_EQ(x.at(50), 102.5);
  const Scale y{0.1, 0.5, 150, 30};  // upwards
  EXPECT_DOUBLE_EQ(y.at(0.1), 150);
  EXPECT_DOUBLE_EQ(y.at(0.3), 90);
  EXPECT_DOUBLE_EQ(y.at(0.6), 0);  // beyond the interval too
  EXPECT_DOUBLE_EQ((Scale{3, 3, 10, 20}).at(3), 15);
}

TEST(RoundTicks, AreOneTwoOrFiveTimesAPowerOfTenAndCoverTheInterval) {
  expect_ticks(round_ticks(0, 1, 4), {0, 0.5, 1});
  expect_ticks(round_ticks(0, 0.55, 4), {0, 0.2, 0.4, 0.6});
  expect_ticks(round_ticks(0.33, 0.36, 4), {0.33, 0.34, 0.35, 0.36});
  expect_ticks(round_ticks(0, 71, 4), {0, 20, 40, 60, 80});
  expect_ticks(round_ticks(-3, 4, 4), {-4, -2, 0, 2, 4});
  expect_ticks(round_ticks(0, 5000, 5), {0, 1000, 2000, 3000, 4000, 5000});
}

TEST(RoundTicks, LieAroundASingleValue) {
  for (const double value : {0.0, 0.52, -3.0}) {
    const std::vector<double> ticks = round_ticks(value, value, 4);
    ASSERT_GE(ticks.size(), 2U);
    EXPECT_LT(ticks.front(), value);
    EXPECT_GT(ticks.back(), value);
  }
}

TEST(BarChart, DrawsBarsFromZeroAndThePapersValues) {
  BarChart chart{"HR@10", {{"unified", "ours", 0.5, 0.01, 0.4}, {"later", "ours", {}, 0, {}}}};
  chart.label_width = 150;
  const std::string svg = bar_chart(chart);
  // The scale runs from 150 to 408 over 0 … 0.51, the largest value with its deviation.
  EXPECT_NE(svg.find("<rect x=\"150.0\" y=\"31.0\" width=\"252.9\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("<path d=\"M352.4 30.0"), std::string::npos) << svg;  // 150 + 258 × .4 / .51
  EXPECT_NE(svg.find("the paper, unified: .4000"), std::string::npos);
  EXPECT_EQ(count_of(svg, "class=\"bar"), 1U);
  EXPECT_EQ(count_of(svg, "class=\"spread\""), 1U);
  EXPECT_NE(svg.find(">–</text>"), std::string::npos) << "a value that is missing says so";
}

TEST(BarChart, OfSharesRunsToAHundredPerCent) {
  const std::string svg = bar_chart({"Use", {{"level 1", "ours", 0.5, 0, {}}}, true});
  EXPECT_NE(svg.find("width=\"129.0\""), std::string::npos) << svg;  // half of 258
  EXPECT_NE(svg.find("50.0 %"), std::string::npos);
}

TEST(LineChart, PlacesNamedPointsApartAndInOrder) {
  LineChart chart{"HR@10", "codes a level", {"64", "128", "256"}, {}, false};
  chart.series.push_back({"", "c0", {{0, 0.3}, {1, 0.4}, {2, 0.5}}, {}, {{2, 0.45}}, true, {}});
  const std::string svg = line_chart(chart);
  EXPECT_EQ(count_of(svg, "<circle"), 3U);
  EXPECT_EQ(count_of(svg, "class=\"paper\""), 1U);
  // x from 44 to 288 over −0.35 … 2.35; y from 154 to 26 over .3 … .5.
  EXPECT_NE(svg.find("d=\"M75.6 154.0L166.0 90.0L256.4 26.0\""), std::string::npos) << svg;
  for (const char* name : {">64<", ">128<", ">256<", ">codes a level<"}) {
    EXPECT_NE(svg.find(name), std::string::npos) << name;
  }
}

TEST(LineChart, WithoutPointsIsAnEmptyFrame) {
  LineChart chart{"HR@10", "epoch", {}, {}, false};
  chart.series.push_back({"unified", "c0", {}, {}, {}, false, {}});
  const std::string svg = line_chart(chart);
  EXPECT_EQ(count_of(svg, "class=\"curve"), 0U);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(SpotChart, NamesItsSpots) {
  const std::string svg =
      spot_chart("N", "share",
                 {{0.19, 0.34, "unified", "unified: .34", "c0"}, {1.0, 0.31, "", "ID: .31", "c0"}});
  EXPECT_EQ(count_of(svg, "<circle"), 2U);
  EXPECT_NE(svg.find(">unified</text>"), std::string::npos);
  EXPECT_NE(svg.find("<title>ID: .31</title>"), std::string::npos);
}

TEST(SpotChart, WritesNoLabelOverAnother) {
  const std::string svg = spot_chart(
      "N", "share",
      {{0.1, 0.340, "one", "", ""}, {0.1, 0.341, "two", "", ""}, {1.0, 0.300, "far", "", ""}});
  const auto height_of = [&](const std::string& label) {
    const std::size_t end = svg.find(">" + label + "</text>");
    const std::size_t at = svg.rfind(" y=\"", end);
    return std::stod(svg.substr(at + 4));
  };
  EXPECT_GE(std::abs(height_of("one") - height_of("two")), 12);
  EXPECT_GT(height_of("far"), height_of("one"));
}

TEST(CloudChart, KeepsBothAxesOnOneScale) {
  const std::string svg =
      cloud_chart("map", {{120, 3, {{0, 0}, {4, 2}}}, {-1, 2, {{2, 1}}}, {7, 2, {}}}, 212);
  // 200 pixels over 4 units, 50 a unit; the narrower axis is centred.
  EXPECT_NE(svg.find("M6.0 176.0h0M206.0 76.0h0"), std::string::npos) << svg;
  EXPECT_NE(svg.find("M106.0 126.0h0"), std::string::npos) << svg;
  EXPECT_NE(svg.find("--h:120"), std::string::npos);
  EXPECT_EQ(count_of(svg, "class=\"cloud"), 2U) << "an empty cloud draws nothing";
  EXPECT_EQ(cloud_chart("none", {}, 100).find("nan"), std::string::npos);
}

TEST(Charts, EscapeWhatTheyAreGiven) {
  const std::string evil = "</text><script>alert('\"x\"')</script>&";
  BarChart bars{evil, {{evil, evil, 0.5, 0, 0.4}}};
  LineChart lines{evil, evil, {evil}, {}, false};
  lines.series.push_back({evil, evil, {{0, 1}}, {}, {}, true, {}});
  for (const std::string& svg :
       {bar_chart(bars), line_chart(lines), spot_chart(evil, evil, {{0.5, 0.5, evil, evil, evil}}),
        cloud_chart(evil, {}, 100)}) {
    EXPECT_EQ(svg.find("<script"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("\"x\""), std::string::npos) << svg;
    EXPECT_NE(svg.find("&lt;script&gt;"), std::string::npos) << svg;
  }
}

}  // namespace
}  // namespace tessera
