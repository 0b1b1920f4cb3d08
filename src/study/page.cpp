#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/parallel.h"
#include "study/markup.h"
#include "study/page_style.h"
#include "study/published.h"
#include "study/report.h"
#include "study/tables.h"

namespace tessera {
namespace {

// As the system calls it.
std::string cpu_name() {
  std::string name = "unknown CPU";
  if (!fs::exists("/proc/cpuinfo")) return name;
  for_each_line(read_file("/proc/cpuinfo"), [&](std::string_view line, std::size_t) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string_view::npos) {
      name = line.substr(colon + 2);
    }
  });
  return name;
}

/// A part of the page: its heading, what it shows, and its body for one dataset.
struct Part {
  const char* anchor;
  const char* title;
  std::string text;
  std::function<std::string(std::size_t dataset)> body;
};

std::string plural(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", grouped(count), what, count == 1 ? "" : "s");
}

std::string data_line(const StudyData& data) {
  return fmt::format("<dd>{}{} — {} users, {} items, {} events; {} users tested</dd>\n",
                     escaped(data.name), data.simulated ? " (a simulated shop)" : "",
                     grouped(data.users), grouped(data.items), grouped(data.events),
                     grouped(data.tested));
}

std::string facts(const Study& study) {
  std::string html = "<dl class=\"facts\">\n<dt>Data</dt>";
  bool first = true;
  for (const StudyData& data : study.data) {
    html += (first ? "" : "<dt></dt>") + data_line(data);
    first = false;
  }
  const Settings& paper = study.grid.variants.at(0).settings;
  html += fmt::format(
      "<dt>Models</dt><dd>{} a dataset, {}; at most {} each, the best chosen on validation</dd>\n",
      grouped(study.grid.variants.size()), plural(study.seeds, "seed"),
      plural(paper.epochs, "epoch"));
  html += fmt::format("<dt>Machine</dt><dd>{}, {}</dd>\n", escaped(cpu_name()),
                      plural(static_cast<std::size_t>(thread_count()), "thread"));
  html += fmt::format("<dt>The paper</dt><dd>{}</dd>\n</dl>\n", escaped(kPaper));
  return html;
}

std::string status_note(const Study& study, const StudyStatus& status) {
  std::string html;
  if (study.quick) {
    html += fmt::format(
        "<p class=\"note warn\"><b>A quick look.</b> Every model was trained for {} only, far from "
        "converged, and some points of the study are left out. These figures show what the report "
        "holds; they say nothing about the method. Run without <code>--quick</code> for the "
        "study.</p>\n",
        plural(study.grid.variants.at(0).settings.epochs, "epoch"));
  }
  if (status.finished == status.total) return html;
  const std::string left =
      status.forecast.known ? "about " + spoken_duration(status.forecast.left) + " left" : "";
  if (status.running) {
    html += fmt::format(
        "<div class=\"note\"><b>{} of {} models finished</b>{}{}{}. What is not measured yet is "
        "left open; this page renews itself.",
        status.finished, status.total, left.empty() ? "" : ", ", left,
        status.current.empty() ? "" : "; now " + escaped(status.current));
  } else {
    html += fmt::format(
        "<div class=\"note\"><b>Stopped with {} of {} models finished</b>{}{}. The same command "
        "goes on where it stopped.",
        status.finished, status.total, left.empty() ? "" : ", ", left);
  }
  return html + fmt::format("<progress max=\"1\" value=\"{:.3f}\"></progress></div>\n",
                            status.forecast.share);
}

std::string runs_table(const Study& study) {
  std::string table =
      "<div class=\"table\"><table>\n<thead><tr><td>model</td><th scope=\"col\">epochs</th>"
      "<th scope=\"col\">best</th><th scope=\"col\">training</th>"
      "<th scope=\"col\">validation NDCG@10</th>"
      "<th scope=\"col\">chosen by</th></tr></thead>\n<tbody>\n";
  for (const StudyRun& run : study.runs) {
    table += "<tr><th scope=\"row\">" + escaped(run.name) + "</th>";
    if (run.result) {
      const RunResult& result = *run.result;
      table += fmt::format("<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}, {}</td></tr>\n",
                           result.epochs, result.best_epoch, format_duration(result.train_seconds),
                           number(result.validation.ndcg10, 4), escaped(run.settings.select),
                           escaped(run.settings.selection_protocol));
    } else {
      table += "<td>–</td><td></td><td></td><td></td><td></td></tr>\n";
    }
  }
  return table + "</tbody></table></div>\n";
}

std::string method_text(const Study& study) {
  std::string html =
      "<p>Every user's last event is the test target and the one before it the validation target; "
      "models and rules are fitted on what comes before. <b>Sampled</b> ranks the target among its "
      "given negatives, as the paper does; <b>full</b> ranks it among the whole catalogue without "
      "the user's history, which is what a user would see. With ties each metric is its mean over "
      "the tied ranks. The best epoch is chosen on validation; the test split is looked at once a "
      "model. The paper's negatives are not public: figures compare up to that draw.</p>\n"
      "<p>A level's <b>activation</b> is the share of its codes that some item has; an item has a "
      "<b>tuple of its own</b> if no other item has the same codes. <b>Parameters</b> are the "
      "learned numbers of the catalogue: ID tokens and the tables of shared tokens.</p>\n<dl "
      "class=\"facts\">\n";
  for (const StudyData& data : study.data) {
    html += fmt::format(
        "<dt>{}, HR@10</dt><dd>a figure near .5 has a standard error of {} over "
        "its {} users</dd>\n",
        escaped(data.name), number(0.5 / std::sqrt(static_cast<double>(data.tested)), 4),
        grouped(data.tested));
    html += fmt::format(
        "<dt>{}, negatives</dt><dd>{}</dd>\n", escaped(data.name),
        data.negatives.empty() ? "drawn by seed" : escaped(data.negatives.filename().string()));
  }
  return html + "</dl>\n";
}

std::vector<Part> parts_of(const Study& study, const std::vector<ModelMap>& maps) {
  const auto sweep = [&](const char* key) {
    return [&study, key](std::size_t d) { return sweep_section(study, d, key); };
  };
  return {
      {"beside", "Beside the paper",
       "Every figure that the paper gives and this study measures: ours, the paper's, and the "
       "difference.",
       [&](std::size_t d) { return beside_paper_section(study, d); }},
      {"tokens", "Tokens",
       "What an item is made of: an ID token of its own, semantic tokens that it shares, or both. "
       "Rules that only count stand beside, and below the tables what others have published on the "
       "same data, as they give it.",
       [&](std::size_t d) { return tokens_section(study, d); }},
      {"distances", "Distances",
       "How a level chooses its code: by cosine, by Euclidean distance, or, unified, by cosine in "
       "every level but the last. Bars show the share of each codebook in use and how many items "
       "the codes tell apart.",
       [&](std::size_t d) { return distance_section(study, d); }},
      {"codebooks", "Codebook size", "Unified tokens with more or fewer codes a level.",
       sweep("codebook_size")},
      {"ids", "Dims of the ID token",
       "From none, the semantic tokens alone, to as wide as the semantic vector.",
       sweep("id_dims")},
      {"width", "Dims of the semantic tokens", "Narrower and wider codebook rows.",
       sweep("semantic_dims")},
      {"cost", "What the catalogue costs",
       "Accuracy over the learned parameters of the catalogue, as a share of a table of 64 dims an "
       "item. Every dot is a model of this study; pointing at it names it.",
       [&](std::size_t d) { return cost_section(study, d); }},
      {"map", "The learned tokens",
       "Item vectors and codebook rows in the plane in which they differ most (principal "
       "components): nearness means likeness, directions mean nothing. A code's dot grows with the "
       "items that have it; pale codes are unused.",
       [&](std::size_t d) { return map_section(maps, d); }},
      {"curves", "Training",
       "Validation NDCG@10 after every epoch, by the protocol that chooses the best one (the dot), "
       "with the first seed.",
       [&](std::size_t d) { return curve_section(study, d); }},
  };
}

std::string part_html(const Study& study, const Part& part) {
  std::string body;
  for (std::size_t d = 0; d < study.data.size(); ++d) {
    const std::string html = part.body(d);
    if (html.empty()) continue;
    if (study.data.size() > 1) body += "<h3>" + escaped(study.data[d].name) + "</h3>\n";
    body += html;
  }
  if (body.empty()) return "";
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n<p class=\"quiet\">{}</p>\n{}</section>\n",
                     part.anchor, part.title, part.text, body);
}

}  // namespace

std::string study_page(const Study& study, const StudyStatus& status,
                       const std::vector<ModelMap>& maps) {
  std::string sections;
  std::string links;
  for (const Part& part : parts_of(study, maps)) {
    const std::string html = part_html(study, part);
    if (html.empty()) continue;
    sections += html;
    links += fmt::format("<a href=\"#{}\">{}</a>\n", part.anchor, part.title);
  }
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n";
  if (status.running && status.finished < status.total) {
    page += "<meta http-equiv=\"refresh\" content=\"30\">\n";
  }
  page += "<title>Unified semantic and ID tokens</title>\n<style>";
  page += kPageStyle;
  page +=
      "</style>\n</head>\n<body>\n<h1>Unified semantic and ID tokens</h1>\n"
      "<p class=\"sub\">The study of Lin et al. 2025, trained and measured here, beside what "
      "the paper reports.</p>\n";
  page += status_note(study, status) + facts(study);
  page +=
      "<p class=\"key\"><span><i class=\"c0\"></i>paper recipe, trained here</span> "
      "<span><i class=\"c1\"></i>default recipe</span> <span><i class=\"rule\"></i>rules that "
      "count</span> <span><i class=\"diamond\"></i>the paper's figure</span></p>\n";
  page += "<nav>\n" + links + "<a href=\"#how\">How it was measured</a>\n</nav>\n" + sections;
  page += "<section id=\"how\">\n<h2>How it was measured</h2>\n" + method_text(study) +
          runs_table(study) + "</section>\n</body>\n</html>\n";
  return page;
}

}  // namespace tessera
