#include "refresh/refresh_settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "base/texts.h"
#include "data/prepare_options.h"
#include "model/metrics.h"
#include "model/settings.h"
#include "store/redis_store.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

std::vector<std::string> words_of(const Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  return value.get<std::vector<std::string>>();
}

void take_paths(std::vector<fs::path>& paths, const Json& value) {
  for (const std::string& word : words_of(value)) paths.emplace_back(word);
}

// The value of an option of `prepare`, from JSON.
void take_option(const OptionValue& option, const Json& value) {
  std::visit(
      [&]<class T>(T* to) {
        if constexpr (std::is_same_v<T, std::vector<fs::path>>) {
          take_paths(*to, value);
        } else if constexpr (std::is_same_v<T, fs::path>) {
          *to = value.get<std::string>();
        } else if constexpr (std::is_same_v<T, std::optional<double>>) {
          *to = value.get<double>();
        } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
          *to = value.get<std::string>();
        } else if constexpr (std::is_same_v<T, std::string>) {
          *to = value.is_string() ? value.get<std::string>() : value.dump();
        } else {
          *to = value.get<T>();
        }
      },
      option);
}

void take_prepare(RefreshSettings& settings, const Json& value) {
  for (const auto& [key, one] : value.items()) {
    const auto row = std::ranges::find(prepare_options(), key, &PrepareOption::name);
    if (row == prepare_options().end()) fail("unknown option '{}' of prepare", key);
    try {
      take_option(row->value(settings.prepare), one);
    } catch (const Json::exception&) {
      fail("option '{}' of prepare holds a value of the wrong kind", key);
    }
  }
}

double share_of(const Json& value) {
  const auto share = value.get<double>();
  if (!(share >= -1 && share <= 1)) fail("it must be a share from -1 to 1");
  return share;
}

std::string metric_of(const Json& value) {
  const std::vector<std::string> known = metric_names(Shown::interval);
  const auto name = value.get<std::string>();
  if (std::ranges::find(known, name) == known.end()) {
    fail("it must be one of {}", joined(known, ", "));
  }
  return name;
}

// Relative to the folder of the file, whatever follows a format's name.
void anchor(std::vector<fs::path>& paths, const fs::path& folder) {
  for (fs::path& path : paths) {
    const std::string text = path.string();
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
      path = folder / path;
    } else {
      path = text.substr(0, colon + 1) + (folder / text.substr(colon + 1)).string();
    }
  }
}

}  // namespace

RefreshSettings::RefreshSettings() : recipe(kDefaultRecipe), metric("NDCG@10") {}

const std::vector<RefreshSetting>& refresh_settings_table() {
  using S = RefreshSettings;
  static const std::vector<RefreshSetting> table = {
      {"models",
       "The folder of bundles, 000001, 000002, …; its link 'current' is what serve opens.",
       [](S& s, const Json& v) { s.models = v.get<std::string>(); }},
      {"interactions", "Files, folders and patterns of events, as of prepare.",
       [](S& s, const Json& v) { take_paths(s.prepare.options.interactions, v); }},
      {"state",
       "The state of the service, also while it runs: its events and items come in as well (none).",
       [](S& s, const Json& v) { s.state = v.get<std::string>(); }},
      {"items", "Files, folders and patterns of items, as of prepare (none).",
       [](S& s, const Json& v) { take_paths(s.prepare.options.items, v); }},
      {"prepare",
       "Further options of prepare, without dashes: {\"format\": \"csv\", \"k-core\": 5}.",
       take_prepare},
      {"before", "A command that brings the newest events, run first (none).",
       [](S& s, const Json& v) { s.before = v.get<std::string>(); }},
      {"after", "A command that tells the service to load 'current' again (none).",
       [](S& s, const Json& v) { s.after = v.get<std::string>(); }},
      {"recipe", "The recipe of the first training (default).",
       [](S& s, const Json& v) { s.recipe = v.get<std::string>(); }},
      {"set", "Its settings, a list of key=value; later ones keep them (none).",
       [](S& s, const Json& v) { s.set = words_of(v); }},
      {"refit", "Whether models in service learn from every event, held-out ones too (true).",
       [](S& s, const Json& v) { s.refit = v.get<bool>(); }},
      {"keep_tokens", "Whether the codes of known items stay as they are (false).",
       [](S& s, const Json& v) { s.keep_tokens = v.get<bool>(); }},
      {"fresh_every",
       "Of so many bundles one is trained from nothing, and not from the one before (0: the "
       "first).",
       [](S& s, const Json& v) { s.fresh_every = v.get<std::size_t>(); }},
      {"metric", "What the gate compares on the newest held-out events (NDCG@10).",
       [](S& s, const Json& v) { s.metric = metric_of(v); }},
      {"worse_by",
       "A model that is worse by more, as a share of the current value, is refused (0.02); below 0 "
       "it "
       "must be better by so much.",
       [](S& s, const Json& v) { s.worse_by = share_of(v); }},
      {"keep", "Bundles to keep for a rollback, the current one included (7).",
       [](S& s, const Json& v) { s.keep = std::max<std::size_t>(1, v.get<std::size_t>()); }},
  };
  return table;
}

RefreshSettings read_refresh_settings(const fs::path& file) {
  const Json json = read_json(file);
  if (!json.is_object()) fail("{}: expected an object", file.string());
  RefreshSettings settings;
  std::vector<std::string> keys;
  for (const RefreshSetting& row : refresh_settings_table()) keys.emplace_back(row.key);
  for (const auto& [key, value] : json.items()) {
    const auto row = std::ranges::find(refresh_settings_table(), key, &RefreshSetting::key);
    if (row == refresh_settings_table().end()) {
      const std::string near = nearest_word(key, keys);
      fail("{}: unknown key '{}'{}", file.string(), key,
           near.empty() ? "" : "; did you mean '" + near + "'?");
    }
    try {
      row->take(settings, value);
    } catch (const Json::exception&) {
      fail("{}: '{}' holds a value of the wrong kind: {}", file.string(), key, row->help);
    } catch (const Error& error) {
      fail("{}: '{}': {}", file.string(), key, error.what());
    }
  }
  Json made_of = json;
  for (const char* later : {"after", "metric", "worse_by", "keep"}) made_of.erase(later);
  settings.made_of = dump_json(made_of);
  if (settings.models.empty()) fail("{}: 'models' is missing", file.string());
  if (settings.prepare.options.interactions.empty() && settings.state.empty()) {
    fail("{}: 'interactions' is missing, and 'state' as well: nothing says what happened",
         file.string());
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (!settings.state.empty() && !is_redis(settings.state)) {
    settings.state = (folder / settings.state).string();
  }
  settings.models = folder / settings.models;
  anchor(settings.prepare.options.interactions, folder);
  anchor(settings.prepare.options.items, folder);
  PrepareOptions& options = settings.prepare.options;
  for (fs::path* path : {&options.item_text, &options.timestamps}) {
    if (!path->empty()) *path = folder / *path;
  }
  try {
    Settings trained = recipe(settings.recipe);
    apply_settings(trained, settings.set);
  } catch (const UsageError& error) {
    fail("{}: {}", file.string(), error.what());
  }
  return settings;
}

std::string refresh_settings_help() {
  std::string help = "Settings of the file (what holds where a key is missing):\n";
  for (const RefreshSetting& row : refresh_settings_table()) {
    help += fmt::format("  {:<13} {}\n", row.key, row.help);
  }
  return help +
         "Example:\n"
         "  {\"models\": \"models\",\n"
         "   \"state\": \"state\", \"interactions\": [\"logs/\"], \"items\": [\"items.csv\"],\n"
         "   \"prepare\": {\"format\": \"csv\", \"k-core\": 5, \"duplicates\": \"event\"},\n"
         "   \"after\": \"systemctl reload tessera\"}\n";
}

}  // namespace tessera
