#pragma once
#include "base/progress.h"
#include "data/dataset.h"

namespace tessera {

/// A dataset of a study, prepared and embedded.
struct StudyData {
  std::string name;       ///< of its folder: names the models' folders too
  std::string published;  ///< "Beauty" or "Sports" where published figures are of this data
  fs::path directory;     ///< of the dataset
  fs::path negatives;     ///< of the sampled protocol; empty: drawn by seed
  std::string fingerprint;
  bool simulated = false;
  std::size_t users = 0, items = 0, events = 0, tested = 0;
};

/// Opens `source`: either a dataset directory that is embedded, which is used where it is, or a
/// folder with interactions.txt, item_text.json and, if the negatives are given, negatives.txt.gz,
/// which becomes a dataset in `directory`, embedded by the built-in encoder, unless it is there
/// already. Throws Error if `source` is neither, or `directory` holds other data.
StudyData open_study_data(const fs::path& source, const fs::path& directory,
                          const ProgressFunction& progress = {});

/// The name that open_study_data gives: that of the folder itself, however it is written.
std::string study_data_name(const fs::path& source);

}  // namespace tessera
