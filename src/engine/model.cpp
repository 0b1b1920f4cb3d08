// A bundle opened, and its items by number, id and word.
#include "tessera/model.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "base/npy.h"
#include "data/trends.h"
#include "engine/state.h"

namespace tessera {
namespace {

std::optional<TextEncoder> encoder_of(const fs::path& bundle) {
  const fs::path file = bundle / kTextEncoderFile;
  if (!fs::exists(file)) return std::nullopt;
  return TextEncoder::load(file);
}

AttributeTable attributes_in(const fs::path& bundle, std::size_t items) {
  const fs::path file = bundle / kAttributesFile;
  return fs::exists(file) ? AttributeTable::read(file, items) : AttributeTable();
}

std::vector<std::int32_t> popularity_in(const fs::path& bundle, std::size_t items) {
  const fs::path file = bundle / kPopularityFile;
  if (!fs::exists(file)) return {};
  std::vector<std::int32_t> events = read_npy_i32(file);
  if (events.size() != items || std::ranges::any_of(events, [](auto n) { return n < 0; })) {
    fail("{}: does not fit the {} items of the bundle: the bundle is damaged", file.string(),
         items);
  }
  return events;
}

/// What of kTrendsFile is asked for, and the time of the last event.
std::pair<std::vector<TrendingItem>, double> trends_in(const fs::path& bundle, std::size_t items) {
  constexpr std::size_t kMost = 1000;
  const fs::path file = bundle / kTrendsFile;
  if (!fs::exists(file)) return {};
  const Matrix times = read_npy(file);
  if (times.view().rows != items + 1 || times.view().cols != 1) {
    fail("{}: does not fit the {} items of the bundle: the bundle is damaged", file.string(),
         items);
  }
  std::vector<TrendingItem> trending;
  for (std::size_t i = 0; i < items; ++i) {
    if (times[i][0] > 0.0F) trending.push_back({static_cast<std::int32_t>(i), times[i][0]});
  }
  keep_best(trending, kMost,
            [](const TrendingItem& one) { return std::pair(-one.touched, one.item); });
  return {std::move(trending), times[items][0]};
}

}  // namespace

Model::State::State(const fs::path& directory)
    : bundle(read_bundle(directory)),
      config(dump_json(bundle.config)),
      encoder(encoder_of(directory)),
      index(open_index(directory, bundle.model, bundle.catalogue)),
      attributes(attributes_in(directory, bundle.items.size())),
      popularity(popularity_in(directory, bundle.items.size())) {
  if (encoder && settings().has_semantics() &&
      encoder->dims() != bundle.model.item_encoder.text_dims()) {
    fail("{}: the text encoder gives {} dims where the model reads {}: the bundle is damaged",
         directory.string(), encoder->dims(), bundle.model.item_encoder.text_dims());
  }
  std::tie(trending, last_event) = trends_in(directory, bundle.items.size());
  items.reserve(bundle.items.size());
  for (CatalogueItem& item : bundle.items) {
    if (!number_of.emplace(item.id, static_cast<std::int32_t>(items.size())).second) {
      fail("{}: two items have the id '{}': the bundle is damaged", directory.string(), item.id);
    }
    items.push_back({.id = std::move(item.id), .title = std::move(item.title)});
  }
  bundle.items = {};
  bundle.config = {};
  by_popularity.resize(popularity.size());
  std::iota(by_popularity.begin(), by_popularity.end(), 0);
  std::ranges::sort(by_popularity, {}, [&](std::int32_t number) {
    return std::pair(-std::int64_t{popularity[static_cast<std::size_t>(number)]}, number);
  });
}

const Model::State::Item& Model::State::item(std::int32_t number) const {
  if (number < 0 || static_cast<std::size_t>(number) >= items.size()) {
    fail("no item has the number {}: numbers are 0 to {}", number,
         static_cast<std::int64_t>(items.size()) - 1);
  }
  return items[static_cast<std::size_t>(number)];
}

std::span<const std::int32_t> Model::State::codes(const Item& item) const {
  const std::size_t count = settings().codes();
  if (item.put >= 0) {
    return std::span(put_codes).subspan(static_cast<std::size_t>(item.put) * count, count);
  }
  const auto number = static_cast<std::size_t>(&item - items.data());
  return std::span(bundle.catalogue.codes).subspan(number * count, count);
}

std::span<const float> Model::State::vector(const Item& item) const {
  const std::size_t width = settings().width();
  if (item.put >= 0) {
    return std::span(put_vectors).subspan(static_cast<std::size_t>(item.put) * width, width);
  }
  const auto number = static_cast<std::size_t>(&item - items.data());
  const Catalogue& catalogue = bundle.catalogue;
  return catalogue.vectors.view().row(static_cast<std::size_t>(catalogue.rows[number]));
}

ItemCard Model::State::card(const Item& item) const {
  const std::span<const std::int32_t> all = codes(item);
  const auto split = all.begin() + static_cast<std::ptrdiff_t>(levels());
  return {item.id, item.title, {{all.begin(), split}, {split, all.end()}}, item.put >= 0};
}

void Model::State::check(History numbers) const {
  const std::shared_lock lock(mutex);
  for (const std::int32_t number : numbers) item(number);
}

std::size_t Model::State::events_of(std::int32_t item) const {
  const auto number = static_cast<std::size_t>(item);
  return number < popularity.size() ? static_cast<std::size_t>(popularity[number]) : 0;
}

bool Model::State::is_known(std::int32_t number) const {
  const std::shared_lock lock(mutex);
  return item(number).known;
}

std::size_t Model::State::numbers() const {
  const std::shared_lock lock(mutex);
  return items.size();
}

void Model::State::copy_vectors(History numbers, MatrixView<float> rows) const {
  const std::shared_lock lock(mutex);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::ranges::copy(vector(item(numbers[i])), rows[i]);
  }
}

CopyVectors Model::State::copier() const {
  return std::bind_front(&Model::State::copy_vectors, this);
}

void Model::State::prepare_lookup() {
  {
    const std::shared_lock lock(mutex);
    if (lookup) return;
  }
  const std::unique_lock lock(mutex);
  if (lookup) return;
  lookup.emplace();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (item.known) lookup->insert(static_cast<std::int32_t>(i), item.id, item.title);
  }
}

std::optional<std::int32_t> Model::State::known(std::string_view id) const {
  const auto found = number_of.find(id);
  if (found == number_of.end() || !item(found->second).known) return std::nullopt;
  return found->second;
}

Model::Model(const fs::path& bundle) : state_(std::make_unique<State>(bundle)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

std::size_t Model::size() const { return state_->index->size(); }
std::size_t Model::live_items() const {
  const std::shared_lock lock(state_->mutex);
  return state_->live_items;
}
std::size_t Model::catalogue_items() const { return state_->bundle.catalogue.items(); }
std::size_t Model::levels() const { return state_->levels(); }
std::size_t Model::collaborative_tokens() const { return state_->collaborative(); }
std::size_t Model::codebook_size() const {
  return state_->levels() > 0 ? state_->settings().codebook_size : 0;
}
std::size_t Model::width() const { return state_->settings().width(); }
std::size_t Model::id_dims() const { return state_->settings().id_width(); }
std::size_t Model::max_length() const { return state_->settings().max_length; }
const std::string& Model::config() const { return state_->config; }

std::optional<std::int32_t> Model::number(std::string_view id) const {
  const std::shared_lock lock(state_->mutex);
  return state_->known(id);
}

std::vector<std::optional<std::int32_t>> Model::numbers(std::span<const std::string> ids) const {
  std::vector<std::optional<std::int32_t>> numbers;
  numbers.reserve(ids.size());
  const std::shared_lock lock(state_->mutex);
  for (const std::string& id : ids) numbers.push_back(state_->known(id));
  return numbers;
}

std::vector<std::int32_t> Model::known(std::span<const std::string> ids) const {
  const auto found = numbers(ids);
  std::vector<std::int32_t> known;
  known.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!found[i]) {
      fail("item '{}' is not in the model's catalogue; items.jsonl lists the ids", ids[i]);
    }
    known.push_back(*found[i]);
  }
  return known;
}

std::vector<ReadHistory> Model::histories(std::span<const std::vector<std::string>> ids,
                                          bool skip_unknown) const {
  std::vector<ReadHistory> read(ids.size());
  for (std::size_t h = 0; h < ids.size(); ++h) {
    auto& [items, why] = read[h];
    const auto found = numbers(ids[h]);
    for (std::size_t i = 0; i < found.size() && why.empty(); ++i) {
      if (found[i]) {
        items.push_back(*found[i]);
      } else if (!skip_unknown) {
        why = fmt::format("item '{}' is not in the model's catalogue", printable(ids[h][i]));
      }
    }
    if (!why.empty()) {
      items.clear();
    } else if (ids[h].empty()) {
      why = "it is empty, which says nothing";
    } else if (items.empty()) {
      why = "it holds no item of the model's catalogue";
    }
  }
  return read;
}

std::vector<std::int32_t> Model::items() const {
  std::vector<std::int32_t> known;
  const std::shared_lock lock(state_->mutex);
  for (std::size_t i = 0; i < state_->items.size(); ++i) {
    if (state_->items[i].known) known.push_back(static_cast<std::int32_t>(i));
  }
  return known;
}

ItemCard Model::card(std::int32_t item) const {
  const std::shared_lock lock(state_->mutex);
  return state_->card(state_->item(item));
}

std::vector<ItemCard> Model::cards(std::span<const std::int32_t> items) const {
  std::vector<ItemCard> cards;
  cards.reserve(items.size());
  const std::shared_lock lock(state_->mutex);
  for (const std::int32_t item : items) cards.push_back(state_->card(state_->item(item)));
  return cards;
}

const std::vector<Attribute>& Model::attributes() const { return state_->attributes.schema(); }

AttributeValues Model::attributes_of(std::int32_t item) const {
  state_->check(std::span(&item, 1));
  return state_->attributes.values(item);
}

AttributeValues Model::attributes_of(std::int32_t item, std::span<const std::string> names) const {
  state_->check(std::span(&item, 1));
  return state_->attributes.values(item, names);
}

void Model::check_attributes(std::span<const std::string> names) const {
  state_->attributes.check(names);
}

void Model::check(const Rules& rules) const { state_->check(rules); }

void Model::check_attributes(const AttributeValues& values) const {
  state_->attributes.check(values);
}

Rules Model::read_rules(std::string_view json) const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return rules_from_json(json, std::chrono::duration<double>(now).count(),
                         [this](std::string_view id) { return number(id); });
}

void Model::check(const Filter& filter) const { state_->attributes.check(filter); }

std::vector<std::int32_t> Model::find(std::string_view query, std::size_t limit) const {
  state_->prepare_lookup();
  const std::shared_lock lock(state_->mutex);
  std::vector<std::int32_t> found = state_->lookup->find(query, limit);
  // What is typed or pasted as a whole id comes first.
  if (const auto exact = state_->known(query)) {
    std::erase(found, *exact);
    found.insert(found.begin(), *exact);
    found.resize(std::min(found.size(), limit));
  }
  return found;
}

void Model::prepare_look_ups() const {
  state_->plane();
  state_->prepare_lookup();
  if (!attributes().empty()) state_->index->prepare_filters();
}

}  // namespace tessera
