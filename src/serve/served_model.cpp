#include "serve/served_model.h"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "attributes/attribute_values.h"
#include "base/error.h"
#include "base/parallel.h"
#include "model/bundle.h"
#include "serve/kept_tokens.h"
#include "serve/notify.h"
#include "serve/work.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

/// Thrown where a load is given up because the service ends.
struct GivenUp {};

/// How many items' codes are handed to the store, and items to the model, at a time.
constexpr std::size_t kKeptAtOnce = 1000, kPutAtOnce = 8192;

/// The codes of an item one after the other, as the store keeps them.
std::vector<std::int32_t> joined(const ItemTokens& tokens) {
  std::vector<std::int32_t> codes = tokens.semantic;
  codes.insert(codes.end(), tokens.collaborative.begin(), tokens.collaborative.end());
  return codes;
}

/// And back; nothing if they are not codes of this model.
std::optional<ItemTokens> split(const Model& model, const std::vector<std::int32_t>& codes) {
  const auto exists = [&](std::int32_t code) {
    return code >= 0 && std::cmp_less(code, model.codebook_size());
  };
  if (codes.size() != model.levels() + model.collaborative_tokens() ||
      !std::ranges::all_of(codes, exists)) {
    return std::nullopt;
  }
  const auto middle = codes.begin() + static_cast<std::ptrdiff_t>(model.levels());
  return ItemTokens{{codes.begin(), middle}, {middle, codes.end()}};
}

/// Of a file's time nothing where it has none.
std::chrono::system_clock::time_point written_at(const fs::path& file) {
  std::error_code unknown;
  const fs::file_time_type time = fs::last_write_time(file, unknown);
  if (unknown) return {};
  const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
}

/// Whether the bundle has the item as it would be put: it was trained on since.
bool is_trained(const Model& model, const StoredItem& item, const ItemTokens& tokens) {
  const auto number = model.number(item.id);
  if (!number || std::cmp_greater_equal(*number, model.catalogue_items())) return false;
  const ItemCard card = model.card(*number);
  return card.title == item.title && card.tokens.semantic == tokens.semantic;
}

/// FNV-1a, of 64 bits.
std::uint64_t digest_of(std::string_view text) {
  std::uint64_t digest = 0xCBF29CE484222325U;
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return digest;
}

}  // namespace

ServedModel::ServedModel(fs::path bundle, Store& store, const Log& log, ServiceMetrics& metrics,
                         bool first, std::function<void()> on_swap)
    : bundle_(std::move(bundle)),
      store_(store),
      log_(log),
      metrics_(metrics),
      first_(first),
      on_swap_(std::move(on_swap)) {}

ServedModel::~ServedModel() {
  stop();
  if (thread_.joinable()) thread_.join();
}

ServedModel::InUse ServedModel::in_use() const {
  const std::lock_guard lock(mutex_);
  return {loaded_.model, loaded_.name, generation_};
}

std::pair<ServedModel::Loaded, bool> ServedModel::loaded() const {
  const std::lock_guard lock(mutex_);
  return {loaded_, loading_};
}

bool ServedModel::loading() const {
  const std::lock_guard lock(mutex_);
  return loading_;
}

std::string ServedModel::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

bool ServedModel::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ServedModel::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
}

bool ServedModel::idle_by(std::chrono::steady_clock::time_point end) const {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, end, [&] { return !loading_; });
}

void ServedModel::load() {
  {
    const std::lock_guard lock(mutex_);
    loading_ = true;
  }
  try {
    swap_in_next();
    if (on_swap_) on_swap_();
  } catch (...) {
    finish();
    throw;
  }
  finish();
}

bool ServedModel::start_load(bool again, std::function<void()> on_first_failure) {
  const std::lock_guard lock(mutex_);
  if (loading_ || stopping_) {
    again_ = again_ || again;
    return false;
  }
  loading_ = true;
  if (on_first_failure) on_first_failure_ = std::move(on_first_failure);
  if (thread_.joinable()) thread_.join();  // it has nothing left to do
  thread_ = std::thread([this] {
    work_alone();
    run();
  });
  return true;
}

void ServedModel::run() {
  if (now()) leave_processors_to_others();
  for (bool more = true; more;) {
    std::string failure;
    try {
      swap_in_next();
    } catch (const GivenUp&) {
      failure = "given up, for the service ends";
    } catch (const std::exception& error) {
      failure = message_line(error.what());
    }
    ::malloc_trim(0);  // what the model before occupied
    note(failure);
    if (failure.empty() && on_swap_) on_swap_();
    const std::lock_guard lock(mutex_);
    more = std::exchange(again_, false) && !stopping_;
  }
  finish();
}

void ServedModel::note(const std::string& failure) {
  metrics_.count_reload(failure.empty());
  const std::lock_guard lock(mutex_);
  error_ = failure;
  // Of the first one whoever started it says why it cannot.
  if (!failure.empty() && loaded_.model) log_.event("reload_failed", failure);
  if (failure.empty() && generation_ > 1) log_.event("reloaded", bundle_.string());
  if (failure.empty()) notify_starter("READY=1");
}

/// Marks the end of a load.
void ServedModel::finish() {
  std::function<void()> on_failure;
  {
    const std::lock_guard lock(mutex_);
    if (!loaded_.model && !stopping_) on_failure = on_first_failure_;
  }
  if (on_failure) on_failure();
  const std::lock_guard lock(mutex_);
  loading_ = false;
  idle_.notify_all();
}

void ServedModel::swap_in_next() {
  {
    // What was noted before now is in the store that is read below, or left from the end of an
    // earlier load: it must not be done again over what followed.
    const std::lock_guard changes(changes_);
    noted_.clear();
  }
  Loaded next = load_next();
  {
    const std::lock_guard changes(changes_);
    apply_changes(next);
    const std::lock_guard lock(mutex_);
    std::swap(loaded_, next);
    ++generation_;
    if (first_) metrics_.set_model(loaded_.written);
  }
  count_items();
}

ServedModel::Loaded ServedModel::load_next() {
  const std::string version = bundle_version(bundle_);
  Loaded next{std::make_shared<Model>(bundle_), "", "", written_at(bundle_ / kWeightsFile)};
  next.name = fmt::format("{:016x}", digest_of(next.model->config()));
  if (next.model->reads_text()) next.fingerprint = bundle_fingerprint(bundle_);
  if (bundle_version(bundle_) != version) next.fingerprint.clear();
  put_stored_items(next);
  set_stored_attributes(next);
  next.model->prepare_look_ups();
  return next;
}

void ServedModel::put_stored_items(const Loaded& next) {
  const bool lacks_encoder = next.model->levels() > 0 && !next.model->reads_text();
  std::vector<StoredItem> stored;  // to be put together
  std::vector<StoredItem> fresh;   // encoded here, to be kept
  const auto put_stored = [&] {
    std::vector<const StoredItem*> items;
    for (const StoredItem& item : stored) items.push_back(&item);
    std::vector<Found> found = find_tokens(next, items);
    std::vector<NewItem> ready;
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const StoredItem& item = stored[i];
      auto& [tokens, kept] = found[i];
      if (!tokens) tokens = encode(next, item);  // the log says why there are none
      if (!tokens) continue;
      if (!kept) {
        fresh.push_back(
            {item.id, "", "", keep_codes(next.fingerprint, item.text, joined(*tokens))});
      }
      if (!is_trained(*next.model, item, *tokens)) {
        ready.push_back({item.id, item.title, std::move(*tokens)});
      }
    }
    put_all(next, ready);
    stored.clear();
  };
  store_.for_each_item(
      [&](const StoredItem& item) {
        if (stopping()) throw GivenUp();
        if (lacks_encoder) {
          fail("{}: has no text encoder, which stored items such as '{}' need: add {}",
               bundle_.string(), item.id, kTextEncoderFile);
        }
        stored.push_back(item);
        if (stored.size() >= kPutAtOnce) put_stored();
      },
      [&](std::string_view id) { next.model->erase(id); });
  put_stored();
  if (first_ && !next.fingerprint.empty()) keep_tokens(fresh);
}

std::optional<ItemTokens> ServedModel::kept_tokens(const Loaded& in_use, const StoredItem& item) {
  const auto kept = kept_codes(item.tokens, in_use.fingerprint, item.text);
  return kept ? split(*in_use.model, *kept) : std::nullopt;
}

std::vector<ServedModel::Found> ServedModel::find_tokens(const Loaded& in_use,
                                                         std::span<const StoredItem* const> items) {
  std::vector<Found> found(items.size());
  std::vector<std::string_view> texts;
  std::vector<std::size_t> places;  // of the items with these texts
  for (std::size_t i = 0; i < items.size(); ++i) {
    found[i].tokens = kept_tokens(in_use, *items[i]);
    found[i].kept = found[i].tokens.has_value();
    if (found[i].kept) continue;
    texts.emplace_back(items[i]->text);
    places.push_back(i);
  }
  if (texts.empty() || !in_use.model->reads_text()) return found;
  std::vector<std::optional<ItemTokens>> encoded = in_use.model->tokens_of(texts);
  for (std::size_t i = 0; i < places.size(); ++i) found[places[i]].tokens = std::move(encoded[i]);
  return found;
}

StoredItem ServedModel::with_codes(const Loaded& in_use, StoredItem item,
                                   const ItemTokens& tokens) {
  if (!in_use.fingerprint.empty()) {
    item.tokens = keep_codes(in_use.fingerprint, item.text, joined(tokens));
  }
  return item;
}

/// Puts the items, and empties the list.
void ServedModel::put_all(const Loaded& next, std::vector<NewItem>& items) const {
  try {
    next.model->put(items);
  } catch (const Error&) {  // one of them cannot be put: the others serve
    for (const NewItem& item : items) {
      try {
        next.model->put({&item, 1});
      } catch (const Error& error) {
        skip(item.id, error);
      }
    }
  }
  items.clear();
}

void ServedModel::keep_tokens(std::span<const StoredItem> fresh) const {
  try {
    while (!fresh.empty()) {
      const auto some = fresh.first(std::min(fresh.size(), kKeptAtOnce));
      store_.keep_tokens(some);
      fresh = fresh.subspan(some.size());
    }
  } catch (const Error& error) {  // they are encoded anew at the next start
    log_.event("tokens_not_kept", error.what());
  }
}

std::optional<ItemTokens> ServedModel::encode(const Loaded& next, const StoredItem& item) const {
  try {
    return next.model->tokens_of(item.text);
  } catch (const Error& error) {
    skip(item.id, error);
    return std::nullopt;
  }
}

/// One item that a model cannot take is not there; the others serve.
void ServedModel::skip(const std::string& id, const Error& error) const {
  log_.event("item_skipped", fmt::format("stored item '{}': {}", id, error.what()));
}

/// What was set over the API counts more than what the bundle says. A bundle may know other
/// attributes than the one before: those that it does not are left in the store.
void ServedModel::set_stored_attributes(const Loaded& next) {
  std::size_t passed_over = 0;
  store_.for_each_attribute([&](std::string_view id, const StoredAttribute& stored) {
    if (stopping()) throw GivenUp();
    const auto number = next.model->number(id);
    if (!number) return;
    try {
      next.model->set_attributes(*number, {{stored.name, attribute_value_from_json(stored.value)}});
    } catch (const Error&) {
      ++passed_over;
    }
  });
  if (passed_over == 0) return;
  log_.event("attributes_skipped",
             fmt::format("{} stored values do not fit the bundle's attributes", passed_over));
}

void ServedModel::apply_changes(const Loaded& next) {
  for (Change& change : noted_) {
    if (change.attributes) {
      try {
        const auto number = next.model->number(change.item.id);
        if (number) next.model->set_attributes(*number, *change.attributes);
      } catch (const Error& error) {
        log_.event("attributes_skipped", error.what());
      }
      continue;
    }
    if (change.restored) {
      next.model->restore(change.item.id);
    } else if (change.erased) {
      next.model->erase(change.item.id);
    } else if (const auto tokens = encode(next, change.item)) {
      std::vector<NewItem> one = {{change.item.id, change.item.title, *tokens}};
      put_all(next, one);
    }
  }
}

}  // namespace tessera
