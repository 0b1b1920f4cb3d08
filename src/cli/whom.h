#pragma once
#include <string>
#include <vector>

#include "tessera/model.h"

namespace tessera {

/// Whom `recommend` is asked to recommend for: one of them is not empty.
struct Whom {
  std::string user;     ///< of the dataset
  std::string history;  ///< item ids with commas between, or a JSON list of them
  std::string users;    ///< a file with one user id a line
  /// "test" or "validation": histories end before what the split holds out, and without a user all
  /// that it evaluates are asked for. Empty: whole histories.
  std::string split;
};

/// A user of the dataset, or "" for a given history; or `why` there is no list.
struct RecommendRequest {
  std::string user;
  std::vector<std::int32_t> history;
  std::string why;
};

/// Those asked for, histories by the model's numbers. `data`: a dataset directory, or "" for the
/// one that the model was trained on. A line of the file without a known user is told on standard
/// error and leaves the others alone. Throws Error if nobody is left, UsageError for a history that
/// is not written as it should be. `anybody`: who is unknown or has no events is no fault, and told
/// to nobody.
std::vector<RecommendRequest> requests_of(const Whom& whom, const std::string& data,
                                          const Model& model, bool anybody);

/// Every user of the dataset with the whole history, in its order; `data` as above.
std::vector<RecommendRequest> everybody(const std::string& data, const Model& model);

/// The numbers of ids with commas between them, or of a JSON list, that an option was given. Throws
/// UsageError where there are none, Error that names an unknown one.
std::vector<std::int32_t> items_of_words(const char* option, const std::string& text,
                                         const Model& model);

}  // namespace tessera
