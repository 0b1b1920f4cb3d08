#pragma once
#include "study/results.h"
#include "study/sections.h"

namespace tessera {

/// The study's page: one self-contained HTML document without scripts, readable on a light or a
/// dark ground. While the study runs it renews itself.
std::string study_page(const Study& study, const StudyStatus& status,
                       const std::vector<ModelMap>& maps);

/// The same figures for programs.
nlohmann::json study_json(const Study& study, const StudyStatus& status);

/// Writes index.html and report.json into the folder. The learned tokens are read from the bundles
/// in its models/, and left out where a bundle is gone.
void write_report(const Study& study, const StudyStatus& status, const fs::path& folder);

}  // namespace tessera
