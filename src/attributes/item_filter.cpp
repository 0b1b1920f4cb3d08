#include "attributes/item_filter.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <queue>

#include "attributes/attribute_values.h"
#include "base/error.h"

namespace tessera {
namespace {

using Condition = Filter::Condition;
using Predicate = AttributeTable::Predicate;

constexpr std::size_t kMaxConditions = 128;
/// Of kept bitmaps; those of the filter that is asked come on top.
constexpr std::size_t kMostKeptBytes = std::size_t{64} << 20;

std::string written(const Filter::Literal& literal) {
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, literal);
}

[[noreturn]] void refuse(const Attribute& attribute, const std::string& what) {
  fail_usage("filter: attribute '{}' is of type {}: {}", attribute.name, name_of(attribute.type),
             what);
}

/// A literal as a number of the attribute: a boolean's is 0 or 1.
double number_of(const Attribute& attribute, const Filter::Literal& literal) {
  const bool truth = std::holds_alternative<bool>(literal);
  if (attribute.type == AttributeType::boolean && truth) return std::get<bool>(literal) ? 1.0 : 0.0;
  const bool numeric =
      attribute.type == AttributeType::number || attribute.type == AttributeType::time;
  if (numeric && std::holds_alternative<double>(literal)) return std::get<double>(literal);
  if (attribute.type == AttributeType::time && std::holds_alternative<std::string>(literal)) {
    return seconds_of(attribute, std::get<std::string>(literal));
  }
  refuse(attribute, fmt::format("it is never '{}'", written(literal)));
}

/// Tells predicates apart.
std::string key_of(const Predicate& predicate) {
  std::string key = fmt::format("{}{}", predicate.attribute, predicate.exists ? "e" : "");
  for (const std::string& label : predicate.labels)
    key += fmt::format(" {}:{}", label.size(), label);
  if (predicate.numbers) key += " in";
  for (const double number : predicate.numbers.value_or(std::vector<double>())) {
    key += fmt::format(" {}", number);
  }
  const std::pair<const char*, const std::optional<double>&> bounds[] = {
      {" >", predicate.gt}, {" >=", predicate.gte}, {" <", predicate.lt}, {" <=", predicate.lte}};
  for (const auto& [sign, bound] : bounds) {
    if (bound) key += fmt::format("{}{}", sign, *bound);
  }
  return key;
}

void for_each_condition(const Filter& filter, const std::function<void(const Condition&)>& visit) {
  if (filter.condition) visit(*filter.condition);
  for (const auto* group : {&filter.must, &filter.should, &filter.must_not}) {
    for (const Filter& inner : *group) for_each_condition(inner, visit);
  }
}

}  // namespace

ItemFilter::ItemFilter(AttributeTable table) : table_(std::move(table)) {
  const auto found = std::ranges::find(schema(), kExpires, &Attribute::name);
  if (found == schema().end() || found->type != AttributeType::time) return;
  ends_.emplace(Ends{.attribute = static_cast<std::size_t>(found - schema().begin())});
  gather_ends();
}

/// Begins anew with what the table says.
void ItemFilter::gather_ends() {
  ends_->to_come.clear();
  table_.for_each_number(ends_->attribute, [&](std::int32_t item, double time) {
    if (!ends_->ended.contains(item)) ends_->to_come.emplace_back(time, item);
  });
  std::ranges::make_heap(ends_->to_come, std::greater());
  ends_->gathered = ends_->to_come.size();
}

/// An item's end is another from here on.
void ItemFilter::note_end(std::int32_t item) {
  Ends& ends = *ends_;
  if (ends.ended.contains(item)) {
    ends.ended.erase(item);
    --ends.count;
    ends.lasting.reset();
  }
  const AttributeValue value = table_.value(ends.attribute, item);
  const double* time = std::get_if<double>(&value);
  if (time == nullptr) return;
  ends.to_come.emplace_back(*time, item);
  std::ranges::push_heap(ends.to_come, std::greater());
  // What was changed again and again does not pile up.
  constexpr std::size_t kSlack = 1024;
  if (ends.to_come.size() > 2 * ends.gathered + kSlack) gather_ends();
}

void ItemFilter::end_items(double now) const {
  Ends& ends = *ends_;
  while (!ends.to_come.empty() && ends.to_come.front().first <= now) {
    const auto [time, item] = ends.to_come.front();
    std::ranges::pop_heap(ends.to_come, std::greater());
    ends.to_come.pop_back();
    const AttributeValue value = table_.value(ends.attribute, item);
    const double* current = std::get_if<double>(&value);
    if (current == nullptr || *current != time || ends.ended.contains(item)) continue;
    ends.ended.insert(item);
    ++ends.count;
    ends.lasting.reset();
  }
}

std::shared_ptr<const ItemSet> ItemFilter::lasting(double now, std::size_t items) const {
  if (!ends_) return nullptr;
  {
    const std::shared_lock lock(mutex_);
    const bool none_came = ends_->to_come.empty() || ends_->to_come.front().first > now;
    if (none_came && ends_->count == 0) return nullptr;
    if (none_came && ends_->lasting && ends_->room >= items) return ends_->lasting;
  }
  const std::unique_lock lock(mutex_);
  end_items(now);
  Ends& ends = *ends_;
  if (ends.count == 0) return nullptr;
  if (!ends.lasting || ends.room < items) {
    auto lasting = std::make_shared<ItemSet>(items, true);
    *lasting -= ends.ended;
    ends.lasting = std::move(lasting);
    ends.room = items;
  }
  return ends.lasting;
}

Predicate ItemFilter::predicate(const Condition& condition) const {
  Predicate predicate{.attribute = table_.number_of(condition.attribute)};
  const Attribute& attribute = table_.schema()[predicate.attribute];
  const bool labels = attribute.type == AttributeType::labels;
  switch (condition.kind) {
    case Condition::Kind::exists:
      predicate.exists = true;
      break;
    case Condition::Kind::any:
      if (!labels) predicate.numbers.emplace();
      for (const Filter::Literal& literal : condition.values) {
        if (labels && std::holds_alternative<bool>(literal)) {
          refuse(attribute, "it is no truth; give one of its labels");
        }
        if (labels) predicate.labels.push_back(written(literal));
        if (!labels) predicate.numbers->push_back(number_of(attribute, literal));
      }
      std::ranges::sort(predicate.labels);
      if (!labels) std::ranges::sort(*predicate.numbers);
      break;
    case Condition::Kind::range: {
      if (labels || attribute.type == AttributeType::boolean) {
        refuse(attribute, "it has no range; ask for its values");
      }
      const auto bound = [&](const std::optional<Filter::Literal>& literal) {
        return literal ? std::optional(number_of(attribute, *literal)) : std::nullopt;
      };
      predicate.gt = bound(condition.gt);
      predicate.gte = bound(condition.gte);
      predicate.lt = bound(condition.lt);
      predicate.lte = bound(condition.lte);
      break;
    }
  }
  return predicate;
}

void ItemFilter::check(const Filter& filter) const {
  std::size_t conditions = 0;
  for_each_condition(filter, [&](const Condition& condition) {
    if (++conditions > kMaxConditions) {
      fail_usage("filter: it has more than {} conditions", kMaxConditions);
    }
    predicate(condition);
  });
}

void ItemFilter::check(std::span<const std::string> names) const {
  for (const std::string& name : names) table_.number_of(name);
}

void ItemFilter::check(const AttributeValues& values) const {
  for (const auto& [name, value] : values) typed(schema()[table_.number_of(name)], value);
}

void ItemFilter::check_type(std::string_view name, AttributeType type,
                            std::string_view what) const {
  const Attribute& attribute = schema()[table_.number_of(name)];
  if (attribute.type == type) return;
  fail_usage("{}: attribute '{}' is of type {}, not {}", what, name, name_of(attribute.type),
             name_of(type));
}

std::vector<std::int32_t> ItemFilter::latest(
    std::string_view name, double until, std::size_t count,
    const std::function<bool(std::int32_t)>& accepts) const {
  using Dated = std::pair<double, std::int32_t>;  // the earliest of those kept is on top
  std::priority_queue<Dated, std::vector<Dated>, std::greater<>> kept;
  {
    const std::shared_lock lock(mutex_);
    table_.for_each_number(table_.number_of(name), [&](std::int32_t item, double time) {
      const Dated dated(time, -item);
      if (time > until || (kept.size() == count && (count == 0 || dated < kept.top()))) return;
      if (!accepts(item)) return;
      if (kept.size() == count) kept.pop();
      kept.push(dated);
    });
  }
  std::vector<std::int32_t> items;
  for (; !kept.empty(); kept.pop()) items.push_back(-kept.top().second);
  std::ranges::reverse(items);
  return items;
}

const ItemSet* ItemFilter::kept(const Condition& condition) const {
  const auto found = kept_.find(key_of(predicate(condition)));
  if (found == kept_.end()) return nullptr;
  found->second.used = ++clock_;
  return &found->second.items;
}

std::optional<ItemSet> ItemFilter::joined(const Filter& filter, std::size_t items) const {
  ItemSet all(items, true);
  if (filter.condition) {
    const ItemSet* kept = this->kept(*filter.condition);
    if (kept == nullptr) return std::nullopt;
    all &= *kept;
  }
  for (const Filter& inner : filter.must) {
    const auto set = joined(inner, items);
    if (!set) return std::nullopt;
    all &= *set;
  }
  if (!filter.should.empty()) {
    ItemSet any;
    for (const Filter& inner : filter.should) {
      const auto set = joined(inner, items);
      if (!set) return std::nullopt;
      any |= *set;
    }
    all &= any;
  }
  for (const Filter& inner : filter.must_not) {
    const auto set = joined(inner, items);
    if (!set) return std::nullopt;
    all -= *set;
  }
  return all;
}

void ItemFilter::keep(const Filter& filter, std::size_t items) const {
  const std::uint64_t now = ++clock_;
  for_each_condition(filter, [&](const Condition& condition) {
    const Predicate predicate = this->predicate(condition);
    const auto [place, fresh] = kept_.try_emplace(key_of(predicate));
    if (fresh) {
      place->second.predicate = predicate;
      place->second.items = table_.passing(predicate, items);
    }
    place->second.used = now;
  });
  std::size_t bytes = kept_bytes();
  while (bytes > kMostKeptBytes) {
    const auto oldest = std::ranges::min_element(
        kept_, {}, [](const auto& entry) { return entry.second.used.load(); });
    if (oldest->second.used >= now) break;
    bytes -= oldest->second.items.bytes();
    kept_.erase(oldest);
  }
}

ItemSet ItemFilter::select(const Filter& filter, std::size_t items) const {
  check(filter);
  {
    const std::shared_lock lock(mutex_);
    if (auto set = joined(filter, items)) return *std::move(set);
  }
  const std::unique_lock lock(mutex_);
  keep(filter, items);
  return joined(filter, items).value();
}

AttributeValues ItemFilter::values(std::int32_t item) const {
  AttributeValues values;
  const std::shared_lock lock(mutex_);
  for (std::size_t a = 0; a < schema().size(); ++a) {
    values.emplace_back(schema()[a].name, table_.value(a, item));
  }
  return values;
}

AttributeValues ItemFilter::values(std::int32_t item, std::span<const std::string> names) const {
  AttributeValues values;
  const std::shared_lock lock(mutex_);
  for (const std::string& name : names) {
    values.emplace_back(name, table_.value(table_.number_of(name), item));
  }
  return values;
}

void ItemFilter::put(std::size_t attribute, std::int32_t item, const AttributeValue& value) {
  table_.set(attribute, item, value);
  if (ends_ && ends_->attribute == attribute) note_end(item);
  for (auto& [key, kept] : kept_) {
    if (kept.predicate.attribute != attribute) continue;
    if (table_.passes(kept.predicate, item)) {
      kept.items.insert(item);
    } else {
      kept.items.erase(item);
    }
  }
}

void ItemFilter::set(std::int32_t item, const AttributeValues& values) {
  check(values);
  const std::unique_lock lock(mutex_);
  for (const auto& [name, value] : values) put(table_.number_of(name), item, value);
}

void ItemFilter::clear(std::int32_t item) {
  const std::unique_lock lock(mutex_);
  for (std::size_t a = 0; a < schema().size(); ++a) put(a, item, {});
}

std::size_t ItemFilter::kept_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [key, kept] : kept_) bytes += kept.items.bytes();
  return bytes;
}

}  // namespace tessera
