#include "study/published.h"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kTiger = "Rajput et al. 2023";
constexpr const char* kActionPiece = "Hou et al. 2025";
constexpr const char* kEsasrec = "Tikhonovich et al. 2025";
constexpr const char* kS3Rec = "Zhou et al. 2020, in the study's logs";

// clang-format off
constexpr PublishedRow kRows[] = {
    {"Beauty", "sampled", "unified, unified distance", kPaper, "unified", "unified", 256,
     .1841, .4201, .5318, .3079, .3440, .3025},
    {"Beauty", "sampled", "unified, cosine", kPaper, "unified", "cosine", 256,
     .1740, .4109, .5212, .2977, .3334, .2921},
    {"Beauty", "sampled", "ID tokens only", kPaper, "id", "", 0,
     .1867, .3721, .4651, .2843, .3142, .2850},
    {"Beauty", "sampled", "semantic tokens only", kPaper, "semantic", "unified", 256,
     kNone, kNone, .4956, kNone, kNone, kNone},
    {"Sports", "sampled", "unified, 128 codes", kPaper, "unified", "unified", 128,
     kNone, kNone, .5247, kNone, .3168, kNone},
    {"Sports", "sampled", "unified, 256 codes", kPaper, "unified", "unified", 256,
     .1509, .3827, .5207, .2694, .3139, .2696},
    {"Sports", "sampled", "ID tokens only", kPaper, "id", "", 0,
     .1472, .3441, .4645, .2487, .2875, .2524},
    {"Sports", "sampled", "semantic tokens only", kPaper, "semantic", "unified", 256,
     kNone, kNone, .4704, kNone, kNone, kNone},
    {"Beauty", "sampled", "S³-Rec", kS3Rec, "", "", 0, .2197, .4626, .5687, .3473, .3816, .3390},
    {"Sports", "sampled", "S³-Rec", kS3Rec, "", "", 0, .1840, .4319, .5664, .3125, .3559, .3084},
    {"Beauty", "full", "SASRec", kTiger, "", "", 0, kNone, kNone, .0605, kNone, .0318, kNone},
    {"Beauty", "full", "TIGER", kTiger, "", "", 0, kNone, kNone, .0648, kNone, .0384, kNone},
    {"Beauty", "full", "ActionPiece", kActionPiece, "", "", 0, kNone, kNone, .0775, kNone, .0424, kNone},
    {"Beauty", "full", "HSTU", kEsasrec, "", "", 0, kNone, kNone, .0788, kNone, .0439, kNone},
    {"Beauty", "full", "SASRec, sampled softmax", kEsasrec, "", "", 0, kNone, kNone, .0921, kNone, .0531, kNone},
    {"Beauty", "full", "eSASRec", kEsasrec, "", "", 0, kNone, kNone, .0928, kNone, .0523, kNone},
    {"Sports", "full", "SASRec", kTiger, "", "", 0, kNone, kNone, .0350, kNone, .0192, kNone},
    {"Sports", "full", "TIGER", kTiger, "", "", 0, kNone, kNone, .0400, kNone, .0225, kNone},
    {"Sports", "full", "ActionPiece", kActionPiece, "", "", 0, kNone, kNone, .0500, kNone, .0264, kNone},
    {"Sports", "full", "HSTU", kEsasrec, "", "", 0, kNone, kNone, .0437, kNone, .0243, kNone},
    {"Sports", "full", "SASRec, sampled softmax", kEsasrec, "", "", 0, kNone, kNone, .0569, kNone, .0314, kNone},
    {"Sports", "full", "eSASRec", kEsasrec, "", "", 0, kNone, kNone, .0560, kNone, .0323, kNone},
};
// clang-format on

// The distance study: 3 × 256 codes.
const std::array<PublishedCodes, 3>& published_codes() {
  static const std::array<PublishedCodes, 3> codes = {{
      {"Beauty", "cosine", {1.0, 1.0, 1.0}, .7013},
      {"Beauty", "euclidean", {.0586}, .9267},
      {"Beauty", "unified", {1.0, 1.0, 1.0}, .8327},
  }};
  return codes;
}

// Whether the settings are those of the model that the study means by these three. What only says
// how long to train, from where and how fast, does not matter.
bool is_model(const Settings& settings, std::string_view tokens, std::string_view distance,
              std::size_t codebook_size) {
  Settings study = recipe("paper");
  study.tokens = tokens;
  study.distance = tokens == "id" ? settings.distance : distance;
  study.codebook_size = tokens == "id" ? settings.codebook_size : codebook_size;
  study.epochs = settings.epochs;
  study.patience = settings.patience;
  study.precision = settings.precision;
  study.seed = settings.seed;
  return to_json(settings) == to_json(study);
}

double metric_of(const PublishedRow& row, std::string_view metric) {
  if (metric == "HR@1") return row.hr1;
  if (metric == "HR@5") return row.hr5;
  if (metric == "HR@10") return row.hr10;
  if (metric == "NDCG@5") return row.ndcg5;
  if (metric == "NDCG@10") return row.ndcg10;
  return metric == "MRR" ? row.mrr : kNone;
}

std::optional<double> given(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

}  // namespace

std::string published_dataset(std::size_t users, std::size_t items) {
  if (users == 22'363 && items == 12'101) return "Beauty";
  if (users == 35'598 && items == 18'357) return "Sports";
  return "";
}

std::vector<PublishedRow> published_rows(std::string_view dataset, std::string_view protocol) {
  std::vector<PublishedRow> rows;
  for (const PublishedRow& row : kRows) {
    if (row.dataset == dataset && row.protocol == protocol) rows.push_back(row);
  }
  return rows;
}

std::optional<double> paper_figure(std::string_view dataset, const Settings& settings,
                                   std::string_view figure) {
  const std::size_t blank = figure.find(' ');
  const std::string_view first = figure.substr(0, blank);
  const std::string_view second =
      blank == std::string_view::npos ? std::string_view() : figure.substr(blank + 1);
  for (const PublishedRow& row : kRows) {
    if (row.dataset != dataset || row.protocol != first || *row.tokens == '\0') continue;
    if (!is_model(settings, row.tokens, row.distance, row.codebook_size)) continue;
    return given(metric_of(row, second));
  }
  for (const PublishedCodes& codes : published_codes()) {
    if (codes.dataset != dataset || !is_model(settings, "unified", codes.distance, 256)) continue;
    if (figure == "unique_share") return given(codes.unique_share);
    for (std::size_t l = 0; l < codes.activation.size(); ++l) {
      if (figure == "activation " + std::to_string(l + 1)) return codes.activation[l];
    }
  }
  return std::nullopt;
}

}  // namespace tessera
