#include "tokenize/tokenization.h"

#include <simdjson.h>
#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/folders.h"
#include "eval/code_comparison.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr int kTokenizationVersion = 1;
constexpr const char* kFacts = "tokens.json";
constexpr const char* kItems = "items.jsonl";
constexpr const char* kCodes = "codes.npy";
constexpr const char* kTokenizer = "tokenizer.safetensors";
constexpr const char* kHealth = "health.json";
constexpr const char* kPage = "health.html";

ProgressFunction stage(const TokenizeRequest& request, const char* name) {
  return request.progress ? request.progress(name) : ProgressFunction();
}

std::string_view title_of(const Tokenization& tokens, std::size_t item) {
  return tokens.titles.empty() ? std::string_view() : std::string_view(tokens.titles[item]);
}

std::string items_as_lines(const Tokenization& tokens) {
  std::string lines;
  for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
    const auto codes = tokens.codes.row(i);
    lines += dump_json({{"id", tokens.ids[i]},
                        {"title", title_of(tokens, i)},
                        {"codes", std::vector<std::int32_t>(codes.begin(), codes.end())}}) +
             '\n';
  }
  return lines;
}

void read_items(const fs::path& file, Tokenization& tokens) {
  simdjson::dom::parser parser;
  bool titled = false;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t number) {
    simdjson::dom::object object;
    std::string_view id, title;
    if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS ||
        object["id"].get(id) != simdjson::SUCCESS) {
      fail("{}:{}: is no item with an id", file.string(), number);
    }
    if (object["title"].get(title) == simdjson::SUCCESS) titled = titled || !title.empty();
    tokens.ids.emplace_back(id);
    tokens.titles.emplace_back(title);
  });
  if (!titled) tokens.titles.clear();
}

// Rows of the items that an earlier result does not have.
NamedVectors new_items_of(const NamedVectors& items, const Tokenization& earlier) {
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < earlier.ids.size(); ++i) known.emplace(earlier.ids[i], i);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < items.ids.size(); ++i) {
    if (!known.contains(items.ids[i])) rows.push_back(i);
  }
  Matrix vectors(rows.size(), items.source.dims);
  std::size_t next = 0;
  for_each_block(items.source, [&](std::size_t first, MatrixView<float> block) {
    for (; next < rows.size() && rows[next] < first + block.rows; ++next) {
      std::copy_n(block[rows[next] - first], block.cols, vectors[next]);
    }
  });
  std::vector<std::string> ids, titles;
  for (const std::size_t row : rows) {
    ids.push_back(items.ids[row]);
    if (!items.titles.empty()) titles.push_back(items.titles[row]);
  }
  NamedVectors found = name_vectors(std::move(vectors), std::move(ids));
  found.titles = std::move(titles);
  return found;
}

// The earlier items, and the new ones behind them.
void join(const Tokenization& earlier, NamedVectors& added, IntMatrix& codes,
          Tokenization& tokens) {
  tokens.ids = earlier.ids;
  tokens.titles = earlier.titles;
  if (!added.titles.empty() || !tokens.titles.empty()) {
    tokens.titles.resize(earlier.ids.size());
    added.titles.resize(added.ids.size());
    tokens.titles.insert(tokens.titles.end(), added.titles.begin(), added.titles.end());
  }
  tokens.ids.insert(tokens.ids.end(), added.ids.begin(), added.ids.end());
  tokens.codes = earlier.codes;
  tokens.codes.rows += codes.rows;
  tokens.codes.values.insert(tokens.codes.values.end(), codes.values.begin(), codes.values.end());
}

std::shared_ptr<const SemanticTokenizer> tokenizer_for(const TokenizeRequest& request) {
  if (request.earlier != nullptr) return request.earlier->tokenizer;
  TokenizerOptions options = request.options;
  options.progress = stage(request, "fitting");
  return std::make_shared<const SemanticTokenizer>(
      SemanticTokenizer::fit(request.items.source, options));
}

}  // namespace

std::vector<std::size_t> Tokenization::sizes() const {
  std::vector<std::size_t> sizes;
  for (std::size_t l = 0; l < tokenizer->levels(); ++l) {
    sizes.push_back(tokenizer->codes().codes(l));
  }
  if (codes.cols > sizes.size()) {
    std::int32_t most = 0;
    for (std::size_t i = 0; i < codes.rows; ++i) most = std::max(most, codes.row(i).back());
    sizes.push_back(static_cast<std::size_t>(most) + 1);
  }
  return sizes;
}

void write_tokenization(const fs::path& folder, const Tokenization& tokens, const Json& health) {
  check_folder(folder, Folder::tokens);
  const FolderLock lock(folder, Folder::tokens);
  tokens.tokenizer->save(folder / kTokenizer);
  write_npy(folder / kCodes, tokens.codes);
  write_file(folder / kItems, items_as_lines(tokens));
  write_file(folder / kHealth, dump_json(health, 2) + "\n");
  write_file(folder / kPage, health_page(health, folder.filename().string()));
  write_file(folder / kFacts, dump_json({{"format_version", kTokenizationVersion},
                                         {"quantizer", tokens.tokenizer->word()},
                                         {"unique", tokens.rule()},
                                         {"sizes", tokens.sizes()},
                                         {"items", tokens.ids.size()}},
                                        2) +
                                  "\n");
}

Tokenization read_tokenization(const fs::path& folder) {
  if (!holds(folder, Folder::tokens)) {
    fail("{}: holds no tokens: 'tessera tokenize' writes them", folder.string());
  }
  Tokenization tokens;
  try {
    const Json facts = read_json(folder / kFacts);
    if (facts.at("format_version").get<int>() > kTokenizationVersion) {
      fail("{}: was written by a newer version of tessera", folder.string());
    }
    const auto word = facts.at("unique").get<std::string>();
    const auto rule = std::ranges::find(kUniqueness, word, &UniquenessWord::word);
    if (rule == kUniqueness.end()) fail("{}: unknown rule '{}'", folder.string(), word);
    tokens.unique = rule->rule;
  } catch (const Json::exception&) {
    fail("{}: is damaged", (folder / kFacts).string());
  }
  tokens.tokenizer =
      std::make_shared<const SemanticTokenizer>(SemanticTokenizer::load(folder / kTokenizer));
  tokens.codes = read_npy_codes(folder / kCodes);
  read_items(folder / kItems, tokens);
  const std::size_t columns =
      tokens.tokenizer->levels() + (tokens.unique == Uniqueness::extra ? 1 : 0);
  if (tokens.codes.cols != columns || tokens.codes.rows != tokens.ids.size()) {
    fail("{}: {} codes of {} items do not fit {} items and {} levels", (folder / kCodes).string(),
         tokens.codes.cols, tokens.codes.rows, tokens.ids.size(), columns);
  }
  const std::vector<std::size_t> sizes = tokens.sizes();
  for (std::size_t i = 0; i < tokens.codes.rows; ++i) {
    for (std::size_t l = 0; l < columns; ++l) {
      const std::int32_t code = tokens.codes.row(i)[l];
      if (code >= 0 && static_cast<std::size_t>(code) < sizes[l]) continue;
      fail("{}: row {} has the code {}, which level {} does not have", (folder / kCodes).string(),
           i, code, l + 1);
    }
  }
  return tokens;
}

TokenizeResult tokenize(TokenizeRequest request) {
  TokenizeResult result;
  Tokenization& tokens = result.tokens;
  const Tokenization* earlier = request.earlier;
  Stopwatch watch;
  Json seconds;
  const auto note = [&](const char* what) {
    seconds[what] = watch.seconds();
    watch = Stopwatch();
  };
  NamedVectors added;
  if (earlier != nullptr) added = new_items_of(request.items, *earlier);
  NamedVectors& encoded = earlier != nullptr ? added : request.items;
  tokens.tokenizer = tokenizer_for(request);
  const SemanticTokenizer& tokenizer = *tokens.tokenizer;
  tokens.unique = earlier != nullptr ? earlier->unique : request.unique;
  note("fit");
  IntMatrix codes = tokenizer.encode(encoded.source, stage(request, "encoding"));
  note("encode");
  const UniquenessReport unique =
      make_unique(tokenizer, encoded.source, tokens.unique, codes,
                  earlier != nullptr ? earlier->codes : IntMatrix(), stage(request, "reassigning"));
  note("unique");
  const std::size_t new_items = codes.rows;
  if (earlier != nullptr) {
    join(*earlier, added, codes, tokens);
  } else {
    tokens.ids = request.items.ids;
    tokens.titles = request.items.titles;
    tokens.codes = std::move(codes);
  }
  TokensToJudge judged;
  judged.codes = &tokens.codes;
  judged.sizes = tokens.sizes();
  judged.ids = tokens.ids;
  judged.titles = tokens.titles;
  judged.tokenizer = tokens.tokenizer.get();
  if (earlier == nullptr) {  // of items that were there before nobody has the vectors
    judged.vectors = &request.items.source;
    judged.labels = request.labels;
    judged.label = request.label;
  }
  result.health = health_of(judged, request.options.seed, stage(request, "judging"));
  note("health");
  result.summary = {{"items", tokens.ids.size()},
                    {"new_items", new_items},
                    {"quantizer", tokens.tokenizer->word()},
                    {"sizes", tokens.sizes()},
                    {"unique", tokens.rule()},
                    {"moved", unique.moved},
                    {"seconds", seconds}};
  if (unique.moved > 0) {
    result.summary["error_of_moved"] = {{"nearest", unique.error_before},
                                        {"given", unique.error_after}};
  }
  result.health["unique"] = result.summary["unique"];
  result.health["moved"] = unique.moved;
  if (unique.moved > 0) result.health["error_of_moved"] = result.summary["error_of_moved"];
  return result;
}

Json compare(const Tokenization& earlier, const Tokenization& later) {
  if (earlier.codes.cols != later.codes.cols) {
    fail("{} codes an item do not compare with {}: tokens of the same levels do",
         earlier.codes.cols, later.codes.cols);
  }
  std::unordered_map<std::string_view, std::size_t> numbers;
  for (std::size_t i = 0; i < earlier.ids.size(); ++i) numbers.emplace(earlier.ids[i], i);
  std::vector<std::pair<std::size_t, std::size_t>> both;
  for (std::size_t i = 0; i < later.ids.size(); ++i) {
    const auto found = numbers.find(later.ids[i]);
    if (found != numbers.end()) both.emplace_back(found->second, i);
  }
  std::vector<bool> all(both.size(), true);
  Json levels = Json::array();
  const std::vector<std::size_t> before = earlier.sizes(), after = later.sizes();
  for (std::size_t l = 0; l < later.codes.cols; ++l) {
    const std::vector<std::int32_t> names =
        match_codes(both.size(), std::max(before[l], after[l]), [&](std::size_t pair) {
          return std::pair(earlier.codes.row(both[pair].first)[l],
                           later.codes.row(both[pair].second)[l]);
        });
    std::size_t kept = 0;
    for (std::size_t pair = 0; pair < both.size(); ++pair) {
      const auto was = static_cast<std::size_t>(earlier.codes.row(both[pair].first)[l]);
      const bool same = names[was] == later.codes.row(both[pair].second)[l];
      kept += same ? 1 : 0;
      all[pair] = all[pair] && same;
    }
    levels.push_back(kept);
  }
  return {{"items", both.size()},
          {"kept", std::ranges::count(all, true)},
          {"levels", levels},
          {"new_items", later.ids.size() - both.size()},
          {"gone_items", earlier.ids.size() - both.size()}};
}

}  // namespace tessera
