#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera::testing {

/// Tiny encoders with what the reference implementation makes of texts: see fixtures/make.py.
inline fs::path fixtures() { return fs::path(TESSERA_TESTS_DIR) / "text" / "fixtures"; }

struct SentenceCase {
  std::string text;
  std::vector<std::int32_t> ids;
  std::vector<float> vector;  ///< empty where the fixture has none
};

inline std::vector<SentenceCase> read_cases(const fs::path& file) {
  std::vector<SentenceCase> cases;
  for (const nlohmann::json& entry : read_json(file)) {
    cases.push_back({entry.at("text").get<std::string>(),
                     entry.at("ids").get<std::vector<std::int32_t>>(),
                     entry.value("vector", std::vector<float>())});
  }
  return cases;
}

/// The folder of all-MiniLM-L6-v2, if the environment names one.
inline fs::path minilm_folder() {
  const char* folder = std::getenv("TESSERA_MINILM");
  return folder == nullptr ? "" : folder;
}

}  // namespace tessera::testing
