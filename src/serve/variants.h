#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/served_model.h"

namespace tessera {

/// A model that is served beside others, and the share of users that it answers.
struct VariantOptions {
  fs::path bundle;
  std::string name = "default";
  double share = 1.0;  ///< beside the others': any numbers from 0, not all of them 0
};

/// What --model gives: DIR, or NAME=DIR of lower-case letters, digits, - and _. Throws UsageError.
VariantOptions variant_from_text(std::string_view text);
/// Sets the shares that --split gives: "a=90,b=10", where a variant that is not named gets nothing.
/// Throws UsageError.
void set_shares(std::vector<VariantOptions>& variants, std::string_view split);

/// The models that are served. Each user belongs to one of them, for as long as shares and salt
/// stay as they are: by a hash, so that every process with the same settings agrees, and where a
/// share grows users come from the neighbours alone. Items and attributes that are put live are
/// those of all. Every function may be called from several threads at once.
class Variants {
 public:
  /// Nothing is loaded yet. `on_swap` is called when the first variant has another model. Throws
  /// UsageError for two of one name and for shares that are none.
  Variants(const std::vector<VariantOptions>& variants, std::string salt, Store& store,
           const Log& log, ServiceMetrics& metrics, const std::function<void()>& on_swap = {});

  std::size_t size() const { return variants_.size(); }
  const std::string& name(std::size_t variant) const { return variants_[variant]->name; }
  double share(std::size_t variant) const { return variants_[variant]->share; }
  std::optional<std::size_t> find(std::string_view name) const;
  /// The variant of a user, or of a request whose user nobody knows.
  std::size_t of(std::string_view key) const;
  ServedModel::InUse in_use(std::size_t variant) const {
    return variants_[variant]->model.in_use();
  }

  /// Whether each has a model.
  bool ready() const;
  /// Loads the first of each here; throws Error.
  void load();
  /// As ServedModel's, of all; false if one of them is being loaded.
  bool start_load(bool again, const std::function<void()>& on_first_failure = {});
  bool loading() const;
  /// How often every one of them was swapped in.
  std::size_t generation() const;
  /// Why the last load of one failed; "" if none did.
  std::string error() const;
  void stop();
  bool idle_by(std::chrono::steady_clock::time_point end) const;

  // As ServedModel's, in all of them. What one of them can do is done, and written once; the others
  // then do as much of it as they can, as they would when they are loaded from the store. Refused
  // is what none can do.
  ItemCard put(const StoredItem& item, const std::function<void(const StoredItem&)>& write);
  AttributeValues set_attributes(std::string_view id, const AttributeValues& values,
                                 const std::function<void()>& write);
  std::vector<std::optional<Refusal>> change(
      std::span<const ServedModel::Wish> wishes,
      const std::function<void(std::span<const StoredChange>)>& write);
  ItemCard restore(std::string_view id, const std::function<void()>& write);
  void erase(std::string_view id, const std::function<void()>& write);

  /// What read() tells of changes that others made, done in all of them as far as each can. It is
  /// called while no item is changed here, so that what is done is what the store has.
  /// `names`: of the attributes that they have.
  SharedChanges follow(
      const std::function<SharedChanges(std::span<const std::string> names)>& read);

 private:
  struct Variant {
    Variant(const VariantOptions& options, Store& store, const Log& log, ServiceMetrics& metrics,
            bool first, std::function<void()> on_swap)
        : name(options.name),
          share(options.share),
          model(options.bundle, store, log, metrics, first, std::move(on_swap)) {}
    std::string name;
    double share;  // of 1
    ServedModel model;
  };

  template <class Write, class Change>
  auto in_all(const Write& write, const Change& change);
  static void set_what_fits(ServedModel& model, std::string_view id, const AttributeValues& values);

  const std::string salt_;
  const Log& log_;
  std::vector<std::unique_ptr<Variant>> variants_;
  std::mutex changes_;  // so that all of them see changes in one order
};

}  // namespace tessera
