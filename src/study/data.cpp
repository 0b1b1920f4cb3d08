#include "study/data.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/embed.h"
#include "data/negatives.h"
#include "data/prepare.h"
#include "study/published.h"

namespace tessera {
namespace {

constexpr const char* kInteractions = "interactions.txt";
constexpr const char* kItemText = "item_text.json";
constexpr const char* kNegatives = "negatives.txt.gz";
constexpr const char* kDataset = "dataset.json";

bool same_data(const Dataset& a, const Dataset& b) {
  return fingerprint(a) == fingerprint(b) &&
         std::ranges::equal(a.items, b.items, [](const CatalogueItem& x, const CatalogueItem& y) {
           return x.title == y.title && x.text == y.text;
         });
}

// Prepares the files again, which takes a second or two, to see whether they are still those that
// the dataset was made of.
Dataset prepared(const fs::path& source, const fs::path& directory,
                 const ProgressFunction& progress) {
  PrepareOptions options;
  options.interactions = source / kInteractions;
  options.item_text = source / kItemText;
  options.name = study_data_name(source);
  PrepareReport report;
  Dataset data = prepare(options, report);
  if (fs::exists(directory / kDataset)) {
    if (!same_data(data, read_dataset(directory))) {
      fail("{}: was made of other data than {}: choose another --out, or remove it",
           directory.string(), source.string());
    }
  } else {
    write_dataset(directory, data, dump_json(summarise(data, report), 2) + "\n");
  }
  if (!fs::exists(directory / kEmbeddingsFile)) {
    TfidfOptions text;
    text.progress = progress;
    embed_by_text(directory, text);
  }
  return data;
}

Dataset as_it_is(const fs::path& source) {
  Dataset data = read_dataset(source);
  if (!fs::exists(source / kEmbeddingsFile)) {
    fail("{}: not embedded yet: run 'tessera embed --data {}'", source.string(), source.string());
  }
  return data;
}

}  // namespace

std::string study_data_name(const fs::path& source) {
  const fs::path whole = fs::weakly_canonical(source);
  return whole.filename().empty() ? "data" : whole.filename().string();
}

StudyData open_study_data(const fs::path& source, const fs::path& directory,
                          const ProgressFunction& progress) {
  const bool raw = fs::exists(source / kInteractions);
  if (!raw && !fs::exists(source / kDataset)) {
    fail("{}: neither a folder with {} and {} nor a dataset directory", source.string(),
         kInteractions, kItemText);
  }
  const Dataset data = raw ? prepared(source, directory, progress) : as_it_is(source);
  StudyData result;
  result.name = study_data_name(source);
  result.published = published_dataset(data.users(), data.items.size());
  result.directory = raw ? directory : source;
  if (fs::exists(source / kNegatives)) {
    result.negatives = source / kNegatives;
    read_negatives(result.negatives, data);  // refused now rather than after an epoch
  }
  result.fingerprint = fingerprint(data);
  result.simulated = data.simulated;
  result.users = data.users();
  result.items = data.items.size();
  result.events = data.events.size();
  result.tested = evaluated_users(data, Split::test).size();
  if (result.tested == 0) {
    fail("{}: no user has {} events, so there is nothing to evaluate", source.string(),
         kMinEvaluatedEvents);
  }
  return result;
}

}  // namespace tessera
