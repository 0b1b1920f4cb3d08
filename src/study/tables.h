#pragma once
#include <string>
#include <utility>
#include <vector>

#include "study/results.h"

namespace tessera {

/// A column of a table of models: a figure by its name, with a heading.
struct FigureColumn {
  std::string figure, heading;
  enum class Kind { metric, share, count } kind = Kind::metric;
};

/// The six metrics of a protocol.
std::vector<FigureColumn> metric_columns(const std::string& protocol);

/// What a variant is called where it stands alone: its label in the first comparison that holds it,
/// with what the label counts.
std::string variant_label(const StudyGrid& grid, std::size_t variant);

/// A variant's figure as tables show it: "–" without one, with the deviation for several seeds.
std::string shown_estimate(const Estimate& estimate, FigureColumn::Kind kind);

/// A row of others, published or counted, by the columns of its table (NaN: none).
struct OtherRow {
  std::string label;
  std::vector<double> values;
};

/// A table of HTML: a row a model with its mean over the finished seeds; where the paper has one of
/// the figures, the paper's and the difference below; then groups of others. `corner` heads the
/// labels. All words are escaped here.
std::string model_table(const Study& study, std::size_t dataset, const std::string& corner,
                        const std::vector<StudyPoint>& points,
                        const std::vector<FigureColumn>& columns,
                        const std::vector<std::vector<OtherRow>>& more = {});

/// The paper's figure for a variant on a dataset, if it has one.
std::optional<double> paper_figure_of(const Study& study, std::size_t dataset, std::size_t variant,
                                      const std::string& figure);

}  // namespace tessera
