#include "study/sections.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/numbers.h"
#include "study/chart.h"
#include "study/markup.h"
#include "study/published.h"
#include "study/tables.h"

namespace tessera {
namespace {

using Kind = FigureColumn::Kind;

/// The figures that small multiples show: name and title.
constexpr std::array<std::pair<const char*, const char*>, 4> kPanels = {
    {{"sampled HR@10", "HR@10, sampled"},
     {"sampled NDCG@10", "NDCG@10, sampled"},
     {"full HR@10", "HR@10, full"},
     {"full NDCG@10", "NDCG@10, full"}}};

std::string panels(const std::string& inside, const char* style = "panels") {
  return fmt::format("<div class=\"{}\">\n{}</div>\n", style, inside);
}

std::string key_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string key = "<p class=\"key\">";
  for (const auto& [style, what] : entries) {
    key += fmt::format("<span><i class=\"{}\"></i>{}</span> ", style, escaped(what));
  }
  return key + "</p>\n";
}

std::vector<double> values_of(const Metrics& m) {
  return {m.hr1, m.hr5, m.hr10, m.ndcg5, m.ndcg10, m.mrr};
}

std::vector<OtherRow> rules_rows(const Study& study, std::size_t dataset, bool sampled) {
  std::vector<OtherRow> rows;
  const StudyRun* run = finished_run(study, dataset, 0);
  if (run == nullptr) return rows;
  for (const auto& [name, both] : run->result->baselines) {
    rows.push_back({name, values_of(sampled ? both.first : both.second)});
  }
  return rows;
}

std::vector<OtherRow> peer_rows(const StudyData& data, const char* protocol) {
  std::vector<OtherRow> rows;
  for (const PublishedRow& row : published_rows(data.published, protocol)) {
    if (*row.tokens != '\0') continue;
    rows.push_back({fmt::format("{} ({})", row.name, row.source),
                    {row.hr1, row.hr5, row.hr10, row.ndcg5, row.ndcg10, row.mrr}});
  }
  return rows;
}

Mark mark_of(const Study& study, std::size_t dataset, const StudyPoint& point,
             const std::string& figure) {
  Mark mark{point.label, "ours", {}, 0, paper_figure_of(study, dataset, point.variant, figure)};
  if (study.grid.variants[point.variant].settings.recipe != "paper") mark.style = "other";
  const Estimate estimate = figure_of(study, dataset, point.variant, figure);
  if (estimate.seeds > 0) mark.value = estimate.mean;
  mark.deviation = estimate.deviation;
  return mark;
}

// A point's mean in a line over the points of a comparison.
void add_point(Series& series, std::size_t at, const Estimate& estimate) {
  if (estimate.seeds == 0) return;
  series.points.push_back({static_cast<double>(at), estimate.mean});
  series.deviations.push_back(estimate.deviation);
}

std::string sweep_chart(const Study& study, std::size_t dataset, const Comparison& comparison,
                        const std::string& figure, const std::string& title, bool shares) {
  LineChart chart{title, comparison.axis, {}, {}, shares};
  Series series{"", "c0", {}, {}, {}, true, {}};
  for (std::size_t i = 0; i < comparison.points.size(); ++i) {
    const StudyPoint& point = comparison.points[i];
    chart.names.push_back(point.label);
    add_point(series, i, figure_of(study, dataset, point.variant, figure));
    const auto paper = paper_figure_of(study, dataset, point.variant, figure);
    if (paper) series.diamonds.push_back({static_cast<double>(i), *paper});
  }
  chart.series.push_back(std::move(series));
  return line_chart(chart);
}

std::vector<FigureColumn> summary_columns() {
  return {{"sampled HR@10", "HR@10, sampled", Kind::metric},
          {"sampled NDCG@10", "NDCG@10, sampled", Kind::metric},
          {"full HR@10", "HR@10, full", Kind::metric},
          {"full NDCG@10", "NDCG@10, full", Kind::metric},
          {"unique_share", "own tuple", Kind::share},
          {"catalogue_parameters", "parameters", Kind::count}};
}

std::vector<FigureColumn> code_columns(const Study& study) {
  std::vector<FigureColumn> columns;
  for (std::size_t l = 1; l <= study.grid.variants[0].settings.levels; ++l) {
    columns.push_back(
        {fmt::format("activation {}", l), fmt::format("level {} active", l), Kind::share});
  }
  columns.push_back({"unique_share", "own tuple", Kind::share});
  columns.push_back({"distinct_share", "distinct tuples", Kind::share});
  return columns;
}

// Every variant that the paper has one of these figures of, under its full name.
std::vector<StudyPoint> published_points(const Study& study, std::size_t dataset,
                                         const std::vector<FigureColumn>& columns) {
  std::vector<StudyPoint> points;
  for (std::size_t v = 0; v < study.grid.variants.size(); ++v) {
    const bool published = std::ranges::any_of(columns, [&](const FigureColumn& column) {
      return paper_figure_of(study, dataset, v, column.figure).has_value();
    });
    if (published) points.push_back({variant_label(study.grid, v), v});
  }
  return points;
}

// Curves of some variants over epochs, as far as their first seed has finished.
std::string curve_chart(const Study& study, std::size_t dataset, const std::string& title,
                        const std::vector<StudyPoint>& points, bool ordered) {
  LineChart chart{title, "epoch", {}, {}, false};
  std::vector<std::pair<std::string, std::string>> key;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::string style = fmt::format("{}{}", ordered ? "r" : "c", i);
    key.emplace_back(style, points[i].label);
    const StudyRun* run = finished_run(study, dataset, points[i].variant);
    if (run == nullptr) continue;
    Series series{points[i].label, style, {}, {}, {}, false, {}};
    for (const CurvePoint& point : run->result->curve) {
      series.points.push_back(
          {static_cast<double>(series.points.size() + 1), point.validation.ndcg10});
    }
    const std::size_t best = run->result->best_epoch;
    if (best >= 1 && best <= series.points.size()) series.chosen = series.points[best - 1];
    chart.series.push_back(std::move(series));
  }
  return "<div>" + line_chart(chart) + key_of(key) + "</div>\n";
}

std::vector<StudyPoint> points_of_recipe(const Study& study, const Comparison& comparison,
                                         bool paper) {
  std::vector<StudyPoint> points;
  for (const StudyPoint& point : comparison.points) {
    const bool is_paper = study.grid.variants[point.variant].settings.recipe == "paper";
    if (is_paper == paper) points.push_back(point);
  }
  return points;
}

// The rows of every codebook; of the first level in the colours of its items.
std::string codebook_charts(const TokenMap& map, const std::string& label, double side) {
  constexpr double kSizes[] = {2.5, 3, 5, 8};
  const std::vector<double> hues = code_hues(map);
  std::string charts;
  for (std::size_t l = 0; l < map.levels.size(); ++l) {
    const std::vector<CodePlace>& places = map.levels[l];
    const double mean = static_cast<double>(map.items.size()) / static_cast<double>(places.size());
    std::vector<Cloud> clouds;
    std::size_t used = 0;
    for (std::size_t c = 0; c < places.size(); ++c) {
      const auto n = static_cast<double>(places[c].items);
      const std::size_t size = n == 0 ? 0 : n < mean ? 1 : n < 4 * mean ? 2 : 3;
      const double hue = n == 0 ? -1 : l == 0 ? hues[c] : 200;
      clouds.push_back({hue, kSizes[size], {places[c].at}});
      used += n > 0 ? 1 : 0;
    }
    charts +=
        cloud_chart(fmt::format("{}, level {}: {} of {} used", label, l + 1, used, places.size()),
                    clouds, side);
  }
  return charts;
}

std::string items_chart(const TokenMap& map, const std::string& label) {
  const std::vector<double> hues = code_hues(map);
  std::vector<Cloud> clouds(hues.size());
  for (std::size_t c = 0; c < hues.size(); ++c) clouds[c] = {hues[c], 2.2, {}};
  for (std::size_t i = 0; i < map.items.size(); ++i) {
    clouds[static_cast<std::size_t>(map.first_codes[i])].points.push_back(map.items[i]);
  }
  return cloud_chart(fmt::format("{}: the vectors of {} items, coloured by first-level code", label,
                                 grouped(map.items.size())),
                     clouds, 560);
}

std::string samples_list(const TokenMap& map) {
  const std::vector<double> hues = code_hues(map);
  std::string list =
      "<div class=\"samples\"><h4>What some first-level codes stand for</h4>\n<dl>\n";
  for (const CodeSample& sample : map.samples) {
    list += fmt::format(
        "<dt><i class=\"swatch\" style=\"--h:{:.0f}\"></i>code {} <span "
        "class=\"quiet\">{} items</span></dt>\n",
        hues[static_cast<std::size_t>(sample.code)], sample.code, grouped(sample.items));
    for (const std::string& title : sample.titles) list += "<dd>" + escaped(title) + "</dd>\n";
  }
  return list + "</dl></div>\n";
}

}  // namespace

std::string beside_paper_section(const Study& study, std::size_t dataset) {
  const std::vector<FigureColumn> metrics = metric_columns("sampled");
  const std::vector<FigureColumn> codes = code_columns(study);
  const auto by_metrics = published_points(study, dataset, metrics);
  const auto by_codes = published_points(study, dataset, codes);
  std::string html;
  if (!by_metrics.empty()) {
    html += "<h4>Accuracy, sampled protocol</h4>\n" +
            model_table(study, dataset, "", by_metrics, metrics);
  }
  if (!by_codes.empty()) {
    html += "<h4>Use of the codes</h4>\n" + model_table(study, dataset, "", by_codes, codes);
  }
  return html;
}

std::string tokens_section(const Study& study, std::size_t dataset) {
  const Comparison& comparison = study.grid.comparison("tokens");
  std::string charts;
  for (const auto& [figure, title] : kPanels) {
    BarChart chart{title, {}, false};
    for (const StudyPoint& point : comparison.points) {
      chart.rows.push_back(mark_of(study, dataset, point, figure));
    }
    const std::string name = figure;
    const std::size_t column = name.ends_with("NDCG@10") ? 4 : 2;
    for (const OtherRow& row : rules_rows(study, dataset, name.starts_with("sampled"))) {
      chart.rows.push_back({row.label, "rule", row.values[column], 0, {}});
    }
    charts += bar_chart(chart);
  }
  std::string html = panels(charts, "panels wide");
  for (const char* protocol : {"sampled", "full"}) {
    const bool sampled = std::string_view(protocol) == "sampled";
    html += fmt::format("<h4>Test split, {} protocol</h4>\n", protocol);
    html += model_table(
        study, dataset, "", comparison.points, metric_columns(protocol),
        {rules_rows(study, dataset, sampled), peer_rows(study.data[dataset], protocol)});
  }
  return html;
}

std::string distance_section(const Study& study, std::size_t dataset) {
  const Comparison& comparison = study.grid.comparison("distance");
  const std::vector<FigureColumn> columns = code_columns(study);
  std::string charts;
  for (const StudyPoint& point : comparison.points) {
    BarChart chart{point.label, {}, true, 320, 100};
    for (const FigureColumn& column : columns) {
      Mark mark = mark_of(study, dataset, point, column.figure);
      mark.label = column.heading;
      if (!column.figure.starts_with("activation")) mark.style = "c2";
      chart.rows.push_back(std::move(mark));
    }
    charts += bar_chart(chart);
  }
  return panels(charts) + model_table(study, dataset, "distance", comparison.points, columns) +
         model_table(study, dataset, "distance", comparison.points, summary_columns());
}

std::string sweep_section(const Study& study, std::size_t dataset, const std::string& key) {
  const Comparison& comparison = study.grid.comparison(key);
  std::string charts;
  for (const auto& [figure, title] : kPanels) {
    charts += sweep_chart(study, dataset, comparison, figure, title, false);
  }
  if (key == "codebook_size") {
    charts += sweep_chart(study, dataset, comparison, "unique_share",
                          "Items with a tuple of their own", true);
  }
  std::vector<StudyPoint> points = comparison.points;
  for (StudyPoint& point : points) {
    if (point.label == "0") point.label += ", semantic alone";
  }
  return panels(charts, key == "codebook_size" ? "panels" : "panels four") +
         model_table(study, dataset, comparison.axis, points, summary_columns());
}

std::string cost_section(const Study& study, std::size_t dataset) {
  const auto whole = static_cast<double>(study.data[dataset].items) * 64;
  const Comparison& tokens = study.grid.comparison("tokens");
  std::string charts;
  for (const auto& [figure, title] : kPanels) {
    std::vector<Spot> spots;
    for (std::size_t v = 0; v < study.grid.variants.size(); ++v) {
      const Estimate metric = figure_of(study, dataset, v, figure);
      const Estimate cost = figure_of(study, dataset, v, "catalogue_parameters");
      if (metric.seeds == 0) continue;
      const bool paper = study.grid.variants[v].settings.recipe == "paper";
      Spot spot{cost.mean / whole, metric.mean, "", variant_label(study.grid, v),
                paper ? "faint" : "c1"};
      for (const StudyPoint& point : tokens.points) {
        if (point.variant != v) continue;
        if (paper) spot.style = "c0";
        spot.label = paper ? point.label : "";
      }
      spot.title += fmt::format(": {}, {} parameters", number(spot.y, 4),
                                grouped(static_cast<std::size_t>(cost.mean)));
      spots.push_back(std::move(spot));
    }
    charts += spot_chart(title, "parameters, share of a 64-dim table", spots);
  }
  return panels(charts, "panels four");
}

std::string curve_section(const Study& study, std::size_t dataset) {
  std::string charts;
  const Comparison& tokens = study.grid.comparison("tokens");
  charts += curve_chart(study, dataset, "Tokens", points_of_recipe(study, tokens, true), false);
  const auto others = points_of_recipe(study, tokens, false);
  if (!others.empty()) {
    charts += curve_chart(study, dataset, "Tokens, default recipe", others, false);
  }
  constexpr std::pair<const char*, const char*> kCurves[] = {{"distance", "Distance"},
                                                             {"codebook_size", "Codebook size"},
                                                             {"id_dims", "ID dims"},
                                                             {"semantic_dims", "Semantic dims"}};
  for (const auto& [key, title] : kCurves) {
    const Comparison& comparison = study.grid.comparison(key);
    charts += curve_chart(study, dataset, title, comparison.points, !comparison.axis.empty());
  }
  return panels(charts);
}

std::string map_section(const std::vector<ModelMap>& maps, std::size_t dataset) {
  std::string html;
  for (const ModelMap& map : maps) {
    if (map.dataset != dataset || !map.whole) continue;
    html += "<div class=\"map\">\n" + items_chart(map.map, map.label) + samples_list(map.map) +
            "</div>\n";
  }
  std::string charts;
  for (const ModelMap& map : maps) {
    if (map.dataset == dataset) charts += codebook_charts(map.map, map.label, 300);
  }
  return charts.empty() ? "" : html + panels(charts);
}

}  // namespace tessera
