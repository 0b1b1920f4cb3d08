#include "serve/variants.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/numbers.h"
#include "base/texts.h"

namespace tessera {
namespace {

constexpr std::size_t kLongestName = 32;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == text.npos;
}

/// A place from 0 to 1 for a text: FNV-1a, whose bits are mixed by the end of MurmurHash3.
double place_of(std::string_view salt, std::string_view key) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  };
  add(salt);
  add(std::string_view("\0", 1));
  add(key);
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDU;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53U;
  return static_cast<double>((hash ^ (hash >> 33)) >> 11) * 0x1p-53;
}

}  // namespace

VariantOptions variant_from_text(std::string_view text) {
  const std::size_t equals = text.find('=');
  const bool named = equals != std::string_view::npos && !fs::exists(fs::path(text));
  if (!named) return {fs::path(text)};
  const std::string_view name = text.substr(0, equals);
  if (!is_name(name)) {
    fail_usage("--model '{}': a name has 1 to {} lower-case letters, digits, - and _, as in a=DIR",
               text, kLongestName);
  }
  return {fs::path(text.substr(equals + 1)), std::string(name)};
}

void set_shares(std::vector<VariantOptions>& variants, std::string_view split_text) {
  for (VariantOptions& variant : variants) variant.share = 0.0;
  std::vector<std::string_view> named;
  for (const std::string_view part : split(split_text, ",")) {
    const std::size_t equals = part.find('=');
    const std::string_view name = trimmed(part.substr(0, equals), " ");
    const auto variant = std::ranges::find(variants, name, &VariantOptions::name);
    if (variant == variants.end() || std::ranges::count(named, name) > 0) {
      fail_usage("--split '{}': '{}' is {}", split_text, name,
                 variant == variants.end() ? "no --model's name" : "there twice");
    }
    named.push_back(name);
    const auto share = equals == std::string_view::npos
                           ? std::nullopt
                           : parse_number<double>(trimmed(part.substr(equals + 1), " "));
    if (!share || !std::isfinite(*share) || *share < 0.0) {
      fail_usage("--split '{}': write it as a=90,b=10, with a number from 0 for each", split_text);
    }
    variant->share = *share;
  }
}

Variants::Variants(const std::vector<VariantOptions>& variants, std::string salt, Store& store,
                   const Log& log, ServiceMetrics& metrics, const std::function<void()>& on_swap)
    : salt_(std::move(salt)), log_(log) {
  double sum = 0.0;
  for (const VariantOptions& options : variants) {
    if (find(options.name)) {
      fail_usage("two models are called '{}': name each, as in --model a=DIR --model b=DIR",
                 options.name);
    }
    sum += options.share;
    variants_.push_back(std::make_unique<Variant>(options, store, log, metrics, variants_.empty(),
                                                  variants_.empty() ? on_swap : nullptr));
  }
  if (!(sum > 0.0)) fail_usage("--split: some model must have a share");
  for (auto& variant : variants_) variant->share /= sum;
}

std::optional<std::size_t> Variants::find(std::string_view name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (variants_[i]->name == name) return i;
  }
  return std::nullopt;
}

std::size_t Variants::of(std::string_view key) const {
  if (size() == 1) return 0;
  double place = place_of(salt_, key);
  std::size_t last = 0;  // that has a share, for sums that are not quite 1
  for (std::size_t i = 0; i < size(); ++i) {
    if (share(i) == 0.0) continue;
    last = i;
    if (place < share(i)) return i;
    place -= share(i);
  }
  return last;
}

bool Variants::ready() const {
  return std::ranges::all_of(variants_,
                             [](const auto& each) { return each->model.now() != nullptr; });
}

void Variants::load() {
  for (auto& variant : variants_) variant->model.load();
}

bool Variants::start_load(bool again, const std::function<void()>& on_first_failure) {
  if (!again && loading()) return false;
  bool started = true;
  for (auto& variant : variants_) {
    started = variant->model.start_load(again, on_first_failure) && started;
  }
  return started;
}

bool Variants::loading() const {
  return std::ranges::any_of(variants_, [](const auto& each) { return each->model.loading(); });
}

std::size_t Variants::generation() const {
  std::size_t least = variants_.front()->model.in_use().generation;
  for (const auto& variant : variants_) {
    least = std::min(least, variant->model.in_use().generation);
  }
  return least;
}

std::string Variants::error() const {
  for (const auto& variant : variants_) {
    const std::string error = variant->model.error();
    if (error.empty()) continue;
    return size() == 1 ? error : fmt::format("{}: {}", variant->name, error);
  }
  return "";
}

void Variants::stop() {
  for (auto& variant : variants_) variant->model.stop();
}

bool Variants::idle_by(std::chrono::steady_clock::time_point end) const {
  return std::ranges::all_of(variants_, [&](const auto& each) { return each->model.idle_by(end); });
}

/// Calls change(model, write) for one after the other until one can do it, which is its answer, and
/// change(model, nothing) for the rest.
template <class Write, class Change>
auto Variants::in_all(const Write& write, const Change& change) {
  const std::lock_guard lock(changes_);
  using Answer = decltype(change(variants_.front()->model, &write));
  std::optional<Answer> answer;
  std::optional<Refusal> refused;
  for (auto& variant : variants_) {
    try {
      if (answer) {
        change(variant->model, static_cast<const Write*>(nullptr));
      } else {
        answer = change(variant->model, &write);
      }
    } catch (const Refusal& refusal) {
      if (!answer && refusal.status == 503) throw;  // of the store
      if (answer && refusal.status == 503) log_.event("item_skipped", refusal.what());
      if (!refused) refused = refusal;
    }
  }
  if (!answer) throw Refusal(*refused);
  return std::move(*answer);
}

/// As a model that is loaded takes what is stored: value by value, without those that do not fit.
void Variants::set_what_fits(ServedModel& model, std::string_view id,
                             const AttributeValues& values) {
  for (const auto& value : values) {
    try {
      model.set_attributes(id, {value}, [] {});
    } catch (const Refusal&) {  // this variant has no such item or attribute
    }
  }
}

ItemCard Variants::put(const StoredItem& item,
                       const std::function<void(const StoredItem&)>& write) {
  return in_all(write, [&](ServedModel& model, const auto* writes) {
    return model.put(item, writes != nullptr ? *writes : [](const StoredItem&) {});
  });
}

AttributeValues Variants::set_attributes(std::string_view id, const AttributeValues& values,
                                         const std::function<void()>& write) {
  return in_all(write, [&](ServedModel& model, const auto* writes) {
    if (writes != nullptr) return model.set_attributes(id, values, *writes);
    set_what_fits(model, id, values);
    return AttributeValues();
  });
}

std::vector<std::optional<Refusal>> Variants::change(
    std::span<const ServedModel::Wish> wishes,
    const std::function<void(std::span<const StoredChange>)>& write) {
  const std::lock_guard lock(changes_);
  std::vector<std::optional<Refusal>> refused;
  std::vector<bool> written(wishes.size());
  const auto write_new = [&](std::span<const StoredChange> changes,
                             std::span<const std::size_t> places) {
    std::vector<StoredChange> fresh;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (!written[places[i]]) fresh.push_back(changes[i]);
    }
    if (!fresh.empty()) write(fresh);
    for (const std::size_t place : places) written[place] = true;
  };
  for (auto& variant : variants_) {
    const auto refused_here = variant->model.change(wishes, write_new);
    if (refused.empty()) refused = refused_here;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      if (!refused_here[i]) refused[i].reset();
    }
  }
  if (size() == 1) return refused;
  for (auto& variant : variants_) {  // attributes that fit one of them alone
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      if (!refused[i] && wishes[i].values.size() > 0 &&
          wishes[i].kind != StoredChange::Kind::erase) {
        set_what_fits(variant->model, wishes[i].item.id, wishes[i].values);
      }
    }
  }
  return refused;
}

ItemCard Variants::restore(std::string_view id, const std::function<void()>& write) {
  return in_all(write, [&](ServedModel& model, const auto* writes) {
    return model.restore(id, writes != nullptr ? *writes : [] {});
  });
}

SharedChanges Variants::follow(
    const std::function<SharedChanges(std::span<const std::string>)>& read) {
  const std::lock_guard lock(changes_);
  std::vector<std::string> names;
  for (auto& variant : variants_) {
    for (const Attribute& attribute : variant->model.now()->attributes()) {
      names.push_back(attribute.name);
    }
  }
  SharedChanges changes = read(names);
  for (auto& variant : variants_) variant->model.follow(changes);
  return changes;
}

void Variants::erase(std::string_view id, const std::function<void()>& write) {
  in_all(write, [&](ServedModel& model, const auto* writes) {
    model.erase(id, writes != nullptr ? *writes : [] {});
    return true;
  });
}

}  // namespace tessera
