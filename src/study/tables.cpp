#include "study/tables.h"

#include <cmath>

#include "base/error.h"
#include "base/numbers.h"
#include "study/markup.h"
#include "study/published.h"

namespace tessera {
namespace {

using Kind = FigureColumn::Kind;

std::string shown_value(double value, Kind kind) {
  if (std::isnan(value)) return "";
  if (kind == Kind::share) return percent(value, 2);
  if (kind == Kind::count) return grouped(static_cast<std::size_t>(std::llround(value)));
  return number(value, 4);
}

std::string shown_difference(double difference, Kind kind) {
  if (kind == Kind::share) return signed_number(100 * difference, 2) + " pts";
  return signed_number(difference, 4);
}

std::string row_of(const std::string& style, const std::string& label,
                   const std::vector<std::string>& cells) {
  std::string row = fmt::format("<tr class=\"{}\"><th scope=\"row\">{}</th>", style, label);
  for (const std::string& cell : cells) row += "<td>" + cell + "</td>";
  return row + "</tr>\n";
}

// A model's row and, where the paper has a figure, two more.
std::string model_rows(const Study& study, std::size_t dataset, const StudyPoint& point,
                       const std::vector<FigureColumn>& columns) {
  std::vector<std::string> ours;
  std::vector<std::string> papers;
  std::vector<std::string> differences;
  bool published = false;
  for (const FigureColumn& column : columns) {
    const Estimate estimate = figure_of(study, dataset, point.variant, column.figure);
    const auto paper = paper_figure_of(study, dataset, point.variant, column.figure);
    ours.push_back(shown_estimate(estimate, column.kind));
    papers.push_back(paper ? shown_value(*paper, column.kind) : "");
    differences.push_back(
        paper && estimate.seeds > 0 ? shown_difference(estimate.mean - *paper, column.kind) : "");
    published = published || paper.has_value();
  }
  std::string rows = row_of(published ? "ours group" : "ours", escaped(point.label), ours);
  if (!published) return rows;
  return rows + row_of("paper", "the paper", papers) +
         row_of("difference", "difference", differences);
}

}  // namespace

std::vector<FigureColumn> metric_columns(const std::string& protocol) {
  std::vector<FigureColumn> columns;
  for (const char* metric : {"HR@1", "HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR"}) {
    columns.push_back({protocol + " " + metric, metric, Kind::metric});
  }
  return columns;
}

std::string variant_label(const StudyGrid& grid, std::size_t variant) {
  for (const Comparison& comparison : grid.comparisons) {
    for (const StudyPoint& point : comparison.points) {
      if (point.variant != variant) continue;
      if (comparison.key == "distance") return point.label + " distance";
      return comparison.axis.empty() ? point.label : point.label + " " + comparison.axis;
    }
  }
  return grid.variants[variant].name;
}

std::string shown_estimate(const Estimate& estimate, Kind kind) {
  if (estimate.seeds == 0) return "–";
  std::string text = shown_value(estimate.mean, kind);
  if (estimate.seeds > 1 && kind != Kind::count) {
    text += "<span class=\"deviation\"> ± " +
            (kind == Kind::share ? percent(estimate.deviation, 2) : number(estimate.deviation, 4)) +
            "</span>";
  }
  return text;
}

std::string model_table(const Study& study, std::size_t dataset, const std::string& corner,
                        const std::vector<StudyPoint>& points,
                        const std::vector<FigureColumn>& columns,
                        const std::vector<std::vector<OtherRow>>& more) {
  std::string table = "<div class=\"table\"><table>\n<thead><tr><td>" + escaped(corner) + "</td>";
  for (const FigureColumn& column : columns) {
    table += "<th scope=\"col\">" + escaped(column.heading) + "</th>";
  }
  table += "</tr></thead>\n<tbody>\n";
  for (const StudyPoint& point : points) table += model_rows(study, dataset, point, columns);
  table += "</tbody>\n";
  for (const std::vector<OtherRow>& group : more) {
    if (group.empty()) continue;
    table += "<tbody>\n";
    for (const OtherRow& row : group) {
      std::vector<std::string> cells;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        cells.push_back(shown_value(row.values.at(c), columns[c].kind));
      }
      table += row_of("other", escaped(row.label), cells);
    }
    table += "</tbody>\n";
  }
  return table + "</table></div>\n";
}

std::optional<double> paper_figure_of(const Study& study, std::size_t dataset, std::size_t variant,
                                      const std::string& figure) {
  return paper_figure(study.data[dataset].published, study.grid.variants[variant].settings, figure);
}

}  // namespace tessera
