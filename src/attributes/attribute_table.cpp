#include "attributes/attribute_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "attributes/attribute_values.h"
#include "base/error.h"
#include "base/safetensors.h"
#include "base/texts.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
using Labels = std::vector<std::string>;
constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kSchema = "schema";

bool is_numeric(AttributeType type) {
  return type == AttributeType::number || type == AttributeType::time;
}

bool within(const AttributeTable::Predicate& predicate, double number) {
  if (predicate.numbers &&
      std::ranges::find(*predicate.numbers, number) == predicate.numbers->end()) {
    return false;
  }
  return (!predicate.gt || number > *predicate.gt) &&
         (!predicate.gte || number >= *predicate.gte) &&
         (!predicate.lt || number < *predicate.lt) && (!predicate.lte || number <= *predicate.lte);
}

template <class T>
T at(const std::vector<T>& values, std::size_t place, T otherwise) {
  return place < values.size() ? values[place] : otherwise;
}

template <class T>
T& room(std::vector<T>& values, std::size_t place, T filler) {
  if (place >= values.size()) values.resize(place + 1, filler);
  return values[place];
}

}  // namespace

AttributeTable::AttributeTable(std::vector<Attribute> schema)
    : schema_(std::move(schema)), columns_(schema_.size()) {
  for (std::size_t a = 0; a < schema_.size(); ++a) {
    if (schema_[a].name.empty()) fail_usage("an attribute has an empty name");
    const auto before = std::span(schema_).first(a);
    if (std::ranges::find(before, schema_[a].name, &Attribute::name) != before.end()) {
      fail_usage("attribute '{}' is named twice", schema_[a].name);
    }
  }
}

std::size_t AttributeTable::number_of(std::string_view name) const {
  const auto found = std::ranges::find(schema_, name, &Attribute::name);
  if (found != schema_.end()) return static_cast<std::size_t>(found - schema_.begin());
  if (schema_.empty()) {
    fail_usage("no attribute '{}': items have none; name some with 'tessera prepare --attributes'",
               name);
  }
  std::vector<std::string> names;
  for (const Attribute& attribute : schema_) names.push_back(attribute.name);
  const std::string near = nearest_word(name, names);
  fail_usage("no attribute '{}'{}: they are {}", name,
             near.empty() ? "" : fmt::format(", did you mean '{}'?", near), joined(names, ", "));
}

double AttributeTable::number(const Column& column, AttributeType type, std::size_t item) const {
  if (is_numeric(type)) return at(column.numbers, item, kNoNumber);
  const std::uint8_t truth = at(column.truths, item, kNothing);
  return truth == kNothing ? kNoNumber : truth;
}

AttributeValue AttributeTable::value(std::size_t attribute, std::int32_t item) const {
  const Column& column = columns_[attribute];
  const auto place = static_cast<std::size_t>(item);
  if (schema_[attribute].type == AttributeType::labels) {
    Labels labels = column.labels.labels(at(column.sets, place, LabelSets::kNone));
    if (labels.empty()) return {};
    return labels;
  }
  const double number = this->number(column, schema_[attribute].type, place);
  if (std::isnan(number)) return {};
  if (schema_[attribute].type == AttributeType::boolean) return number != 0.0;
  return number;
}

void AttributeTable::set(std::size_t attribute, std::int32_t item, const AttributeValue& value) {
  const AttributeValue held = typed(schema_[attribute], value);
  Column& column = columns_[attribute];
  const auto place = static_cast<std::size_t>(item);
  if (schema_[attribute].type == AttributeType::labels) {
    const auto* labels = std::get_if<Labels>(&held);
    room(column.sets, place, LabelSets::kNone) =
        labels == nullptr ? LabelSets::kNone : column.labels.intern(*labels);
  } else if (schema_[attribute].type == AttributeType::boolean) {
    const bool* truth = std::get_if<bool>(&held);
    room(column.truths, place, kNothing) = truth == nullptr ? kNothing : std::uint8_t{*truth};
  } else {
    const double* number = std::get_if<double>(&held);
    room(column.numbers, place, kNoNumber) = number == nullptr ? kNoNumber : *number;
  }
}

bool AttributeTable::passes(const Predicate& predicate, std::int32_t item) const {
  const Column& column = columns_[predicate.attribute];
  const AttributeType type = schema_[predicate.attribute].type;
  const auto place = static_cast<std::size_t>(item);
  if (type == AttributeType::labels) {
    const std::int32_t set = at(column.sets, place, LabelSets::kNone);
    if (predicate.exists || set == LabelSets::kNone) return set != LabelSets::kNone;
    const Labels own = column.labels.labels(set);
    return std::ranges::find_first_of(own, predicate.labels) != own.end();
  }
  const double number = this->number(column, type, place);
  return !std::isnan(number) && (predicate.exists || within(predicate, number));
}

ItemSet AttributeTable::passing(const Predicate& predicate, std::size_t items) const {
  ItemSet set(items);
  const Column& column = columns_[predicate.attribute];
  const AttributeType type = schema_[predicate.attribute].type;
  if (type == AttributeType::labels) {
    std::vector<char> having = column.labels.having(predicate.labels);
    if (predicate.exists) having.assign(column.labels.size(), 1);
    for (std::size_t i = 0; i < std::min(items, column.sets.size()); ++i) {
      const std::int32_t own = column.sets[i];
      if (own != LabelSets::kNone && having[static_cast<std::size_t>(own)] != 0) {
        set.insert(static_cast<std::int32_t>(i));
      }
    }
    return set;
  }
  const std::size_t known = is_numeric(type) ? column.numbers.size() : column.truths.size();
  for (std::size_t i = 0; i < std::min(items, known); ++i) {
    const double number = this->number(column, type, i);
    if (std::isnan(number)) continue;
    if (predicate.exists || within(predicate, number)) set.insert(static_cast<std::int32_t>(i));
  }
  return set;
}

void AttributeTable::write(const fs::path& file, std::size_t items) const {
  Json schema = Json::array();
  std::vector<Column> columns = columns_;
  std::map<std::string, Tensor> tensors;
  const auto add = [&](const std::string& name, const char* dtype, auto& values, auto filler) {
    values.resize(items, filler);
    tensors.emplace(name, Tensor{dtype, {items}, std::as_bytes(std::span(values))});
  };
  for (std::size_t a = 0; a < schema_.size(); ++a) {
    Json row = {{"name", schema_[a].name}, {"type", name_of(schema_[a].type)}};
    const std::string tensor = fmt::format("column.{}", a);
    if (schema_[a].type == AttributeType::labels) {
      row["sets"] = Json::array();
      for (std::size_t s = 0; s < columns[a].labels.size(); ++s) {
        row["sets"].push_back(columns[a].labels.labels(static_cast<std::int32_t>(s)));
      }
      add(tensor, "I32", columns[a].sets, LabelSets::kNone);
    } else if (schema_[a].type == AttributeType::boolean) {
      add(tensor, "U8", columns[a].truths, kNothing);
    } else {
      add(tensor, "F64", columns[a].numbers, kNoNumber);
    }
    schema.push_back(std::move(row));
  }
  const std::string text = dump_json(schema);
  tensors.emplace(kSchema, Tensor{"U8", {text.size()}, std::as_bytes(std::span(text))});
  write_safetensors(file, tensors);
}

namespace {

/// What the file says of one attribute; its labels' sets beside.
std::pair<Attribute, std::vector<Labels>> row_of(const Json& row) {
  return {{row.at("name").get<std::string>(), attribute_type(row.at("type").get<std::string>())},
          row.value("sets", std::vector<Labels>{})};
}

}  // namespace

AttributeTable AttributeTable::read(const fs::path& file, std::size_t items) {
  const SafeTensors tensors(file);
  const auto damaged = [&](std::string_view what) {
    fail("{}: {}: the file is damaged; prepare the dataset again", file.string(), what);
  };
  std::vector<std::pair<Attribute, std::vector<Labels>>> rows;
  std::vector<Attribute> schema;
  try {
    const Tensor& text = tensors.at(kSchema);
    const std::string_view bytes(reinterpret_cast<const char*>(text.bytes.data()),
                                 text.bytes.size());
    for (const Json& row : parse_json(bytes, "its schema")) rows.push_back(row_of(row));
    for (const auto& row : rows) schema.push_back(row.first);
  } catch (const std::exception& error) {
    damaged(error.what());
  }
  AttributeTable table(std::move(schema));
  for (std::size_t a = 0; a < rows.size(); ++a) {
    Column& column = table.columns_[a];
    const std::string name = fmt::format("column.{}", a);
    const AttributeType type = table.schema_[a].type;
    if (type == AttributeType::labels) {
      const auto sets = tensors.values<std::int32_t>(name, "I32", items);
      column.sets.assign(sets.begin(), sets.end());
      for (const Labels& labels : rows[a].second) column.labels.intern(labels);
      const auto count = static_cast<std::int64_t>(column.labels.size());
      if (!std::ranges::all_of(sets, [&](std::int64_t set) { return set >= -1 && set < count; })) {
        damaged("labels that do not exist");
      }
    } else if (type == AttributeType::boolean) {
      const auto truths = tensors.values<std::uint8_t>(name, "U8", items);
      column.truths.assign(truths.begin(), truths.end());
      if (!std::ranges::all_of(truths, [](std::uint8_t truth) { return truth <= kNothing; })) {
        damaged("a truth that is none");
      }
    } else {
      const auto numbers = tensors.values<double>(name, "F64", items);
      column.numbers.assign(numbers.begin(), numbers.end());
    }
  }
  return table;
}

}  // namespace tessera
