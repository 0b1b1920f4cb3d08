#include <gtest/gtest.h>

#include "study/markup.h"
#include "study/report.h"
#include "study/small_study.h"

namespace tessera::testing {
namespace {

using Json = nlohmann::json;

/// A whole study: the runs' HR@10 is .4 and .001 more for each model.
Study whole_study(const std::string& name, std::size_t seeds = 1, bool quick = false) {
  Study study = plan_study(study_grid({}, quick), {beauty_like(name)}, seeds, quick);
  for (StudyRun& run : study.runs) {
    const std::size_t levels = run.settings.has_semantics() ? run.settings.levels : 0;
    run.result = result_at(0.4 + 0.001 * static_cast<double>(run.variant) +
                               0.01 * static_cast<double>(run.settings.seed - 1),
                           levels);
    run.result->baselines["rule of thumb"] = {metrics_at(0.321), metrics_at(0.0321)};
  }
  return study;
}

StudyStatus complete(const Study& study) {
  return {false, study.runs.size(), study.runs.size(), {true, 1, 0}, ""};
}

std::vector<ModelMap> small_maps(const std::string& title) {
  TokenMap map;
  map.levels.resize(3);
  for (auto& level : map.levels) level = {{{0, 0}, 2}, {{1, 1}, 0}};
  map.items = {{0, 0}, {1, 2}};
  map.first_codes = {0, 0};
  map.samples = {{0, 2, {title}}};
  return {{0, "unified", true, map}};
}

void expect_parts(const std::string& page, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(page.find(part), std::string::npos) << "not on the page: " << part;
  }
}

/// Whether tags open and close in order, as the page writes them.
std::string first_misnested(const std::string& page) {
  std::vector<std::string> open;
  std::size_t at = page.find("</style>");
  open = {"html", "head", "style"};
  for (; at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.ends_with('/')) continue;
    const bool closes = tag.starts_with('/');
    tag = tag.substr(closes ? 1 : 0, tag.find(' ') - (closes ? 1 : 0));
    if (closes) tag = tag.substr(0, tag.find(' '));
    if (!closes) tag = tag.substr(0, tag.find(' '));
    if (tag == "meta") continue;
    if (!closes) {
      open.push_back(tag);
    } else if (open.empty() || open.back() != tag) {
      return tag;
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

TEST(StudyPage, HoldsEveryFigureOfEveryModel) {
  const Study study = whole_study("beauty");
  const std::string page = study_page(study, complete(study), small_maps("lamp"));
  for (const StudyRun& run : study.runs) {
    EXPECT_NE(page.find(number(run.result->sampled.hr10, 4)), std::string::npos) << run.name;
    EXPECT_NE(page.find(number(run.result->full.hr10, 4)), std::string::npos) << run.name;
    EXPECT_NE(page.find(run.name), std::string::npos);
  }
  for (const char* section : {"beside", "tokens", "distances", "codebooks", "ids", "width", "cost",
                              "map", "curves", "how"}) {
    expect_parts(page, {std::string("<section id=\"") + section, std::string("#") + section});
  }
  expect_parts(page, {"rule of thumb", ".3210", ".0321", "ActionPiece", "eSASRec", "S³-Rec",
                      "145,960", "75.00 %", "81.25 %", "level 3 active"});
}

TEST(StudyPage, PutsThePapersFiguresAndTheDifferenceBeside) {
  const Study study = whole_study("beauty");
  const std::string page = study_page(study, complete(study), {});
  expect_parts(page, {"<td>.5318</td>", "<td>.3440</td>", "<td>.4651</td>", "<td>.4956</td>",
                      "<td>83.27 %</td>", "<td>70.13 %</td>", "<td>92.67 %</td>", "<td>5.86 %</td>",
                      "arXiv 2502.16474"});
  expect_parts(page, {"<td>−.1318</td>"});     // .4000 − .5318
  expect_parts(page, {"<td>−8.27 pts</td>"});  // 75 − 83.27 %
}

TEST(StudyPage, OfOtherDataHasNoPapersFigures) {
  Study study = whole_study("mine");
  study.data[0].published = "";
  const std::string page = study_page(study, complete(study), {});
  EXPECT_EQ(page.find("id=\"beside\""), std::string::npos);
  EXPECT_EQ(page.find(".5318"), std::string::npos);
  EXPECT_EQ(page.find("ActionPiece"), std::string::npos);
}

TEST(StudyPage, ShowsDeviationsOverSeveralSeeds) {
  const Study study = whole_study("beauty", 2);
  const std::string page = study_page(study, complete(study), {});
  expect_parts(page, {".4050<span class=\"deviation\"> ± .0071</span>"});  // .40 and .41
}

TEST(StudyPage, IsSelfContainedAndWellFormed) {
  const Study study = whole_study("beauty");
  const std::string page = study_page(study, complete(study), small_maps("lamp"));
  for (const char* outside : {"<script", "<link", "<img", "src=", "http://", "https://", "url(",
                              "@import", "nan", "inf\""}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_EQ(first_misnested(page), "");
}

TEST(StudyPage, EscapesNamesAndTitles) {
  const std::string evil = "<script>alert(1)</script>\"'&\n";
  const Study study = whole_study(evil);
  StudyStatus status = complete(study);
  status.running = true;
  status.finished = 1;
  status.current = evil;
  const std::string page = study_page(study, status, small_maps(evil));
  EXPECT_EQ(page.find("<script"), std::string::npos);
  expect_parts(page, {"&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"});
  EXPECT_EQ(first_misnested(page), "");
}

TEST(StudyPage, OfAStudyAtWorkSaysWhatIsLeftAndRenewsItself) {
  Study study = whole_study("beauty");
  for (std::size_t r = 1; r < study.runs.size(); ++r) study.runs[r].result.reset();
  StudyStatus status{true, 1, study.runs.size(), {true, 0.125, 3600}, "beauty/id-1 epoch 4"};
  const std::string page = study_page(study, status, {});
  expect_parts(page, {"1 of " + std::to_string(study.runs.size()), "about 1 hour left",
                      "beauty/id-1 epoch 4", "http-equiv=\"refresh\"", "value=\"0.125\"", "–"});
  status.running = false;
  const std::string stopped = study_page(study, status, {});
  expect_parts(stopped, {"Stopped", "goes on"});
  EXPECT_EQ(stopped.find("http-equiv"), std::string::npos);
  status.forecast.known = false;
  EXPECT_EQ(study_page(study, status, {}).find("left."), std::string::npos);
}

TEST(StudyPage, SaysClearlyThatAQuickLookIsNotTheStudy) {
  const Study study = whole_study("beauty", 1, true);
  expect_parts(study_page(study, complete(study), {}), {"A quick look", "far from converged"});
  const Study whole = whole_study("beauty");
  EXPECT_EQ(study_page(whole, complete(whole), {}).find("quick look"), std::string::npos);
}

TEST(StudyJson, HoldsEveryFigureWithThePapersAndTheDifference) {
  const Study study = whole_study("beauty", 2);
  const Json json = study_json(study, complete(study));
  EXPECT_EQ(json.at("complete"), true);
  EXPECT_EQ(json.at("runs").size(), study.runs.size());
  EXPECT_EQ(json.at("comparisons").size(), study.grid.comparisons.size());
  const Json& models = json.at("datasets").at(0).at("models");
  ASSERT_EQ(models.size(), study.grid.variants.size());
  const Json& hr10 = models.at(0).at("figures").at("sampled HR@10");
  EXPECT_NEAR(hr10.at("mean").get<double>(), 0.405, 1e-12);
  EXPECT_EQ(hr10.at("seeds"), 2);
  EXPECT_EQ(hr10.at("paper"), 0.5318);
  EXPECT_NEAR(hr10.at("difference").get<double>(), 0.405 - 0.5318, 1e-12);
  EXPECT_TRUE(models.at(0).at("figures").contains("activation 3"));
  EXPECT_FALSE(models.at(0).at("figures").at("full HR@10").contains("paper"));
}

}  // namespace
}  // namespace tessera::testing
