#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "attributes/label_sets.h"
#include "base/files.h"
#include "base/item_set.h"
#include "tessera/attributes.h"

namespace tessera {

/// Its file in a dataset or a bundle; neither has one without attributes.
inline constexpr const char* kAttributesFile = "attributes.safetensors";

/// The attributes of items by number, column by column: 8 bytes an item for a number or a time, 4
/// for labels, 1 for a boolean. An item beyond the table has none. Not for several threads at once.
class AttributeTable {
 public:
  AttributeTable() = default;
  /// Throws UsageError for an empty name or one that stands there twice.
  explicit AttributeTable(std::vector<Attribute> schema);

  const std::vector<Attribute>& schema() const { return schema_; }
  /// Throws UsageError that names the nearest attribute if there is none of this name.
  std::size_t number_of(std::string_view name) const;

  AttributeValue value(std::size_t attribute, std::int32_t item) const;
  /// Throws UsageError as `typed`.
  void set(std::size_t attribute, std::int32_t item, const AttributeValue& value);

  /// Calls visit(item, number) for every item that has one, ascending, of a number or a time.
  template <class Visit>
  void for_each_number(std::size_t attribute, const Visit& visit) const {
    const std::vector<double>& numbers = columns_[attribute].numbers;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] == numbers[i]) visit(static_cast<std::int32_t>(i), numbers[i]);  // no NaN
    }
  }

  /// A condition about one attribute, of the types that it holds.
  struct Predicate {
    std::size_t attribute = 0;
    bool exists = false;                   ///< anything passes
    std::vector<std::string> labels = {};  ///< of labels: one of these
    std::optional<std::vector<double>> numbers =
        {};  ///< of a number, time or boolean (0, 1): one of these
    std::optional<double> gt = {}, gte = {}, lt = {}, lte = {};  ///< all of those given
  };
  bool passes(const Predicate& predicate, std::int32_t item) const;
  /// The items that pass, of the numbers [0, items).
  ItemSet passing(const Predicate& predicate, std::size_t items) const;

  /// Throws Error that names the file if it is missing, damaged or of another number of items.
  static AttributeTable read(const fs::path& file, std::size_t items);
  /// Writes a row for each of the numbers [0, items), atomically.
  void write(const fs::path& file, std::size_t items) const;

 private:
  struct Column {
    std::vector<double> numbers;       // of a number or time; NaN: nothing
    std::vector<std::uint8_t> truths;  // of a boolean: 0, 1 or kNothing
    std::vector<std::int32_t> sets;    // of labels
    LabelSets labels;
  };
  static constexpr std::uint8_t kNothing = 2;
  // The number or truth that an item has; NaN: nothing.
  double number(const Column& column, AttributeType type, std::size_t item) const;

  std::vector<Attribute> schema_;
  std::vector<Column> columns_;
};

}  // namespace tessera
