#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attributes/attribute_table.h"
#include "data/field_choice.h"
#include "data/id_table.h"
#include "formats/records.h"

namespace tessera {

/// A text put together from fields: "{title}; {brand}" is the title, "; " and the brand.
struct TextTemplate {
  struct Part {
    std::string before;  ///< what stands before the field
    std::string field;
  };
  std::vector<Part> parts;
  std::string after;

  /// Throws UsageError for a brace that is not closed, or a template without fields.
  static TextTemplate parse(std::string_view pattern);
  /// values[i] belongs to parts[i]. Empty if all values are: separators alone are no text.
  std::string fill(std::span<const Value> values) const;
};

/// Text as the catalogue keeps it: HTML entities decoded, bytes that are not UTF-8 replaced,
/// control characters made blanks, trimmed.
std::string clean_text(std::string_view text);

/// What a file says about items, by the item's number in an IdTable. Numbers beyond the vectors
/// have neither.
struct ItemTexts {
  std::vector<std::string> titles;
  std::vector<std::string> texts;
  std::vector<bool> listed;       ///< whether the file has the item
  std::size_t repeated_rows = 0;  ///< of items listed before: the first row counts
  std::size_t broken_texts = 0;   ///< with bytes that are not UTF-8
  AttributeTable attributes;
  std::vector<std::string> remarks;  ///< see Records
  /// Whether attributes that are missing are unknown, and not gone: of an export.
  bool partial = false;

  /// False, and nothing is changed, if the item was set before.
  bool set(std::size_t item, std::string title, std::string text);
  /// Takes what a later file says in place of what was known; returns of how many items. Throws
  /// UsageError if its attributes are of other types.
  std::size_t replace_by(ItemTexts later);
};

/// How to find items in a file; empty names are guessed.
struct ItemFields {
  std::string id, title;
  std::string text;        ///< a TextTemplate
  std::string attributes;  ///< fields with types: "category:labels,price:number,brand"
  /// In their place those of a file before; the file may lack any of them.
  std::optional<std::vector<Attribute>> known_attributes{};
};

/// How an export of a service's state holds items, behind a file with these attributes if there is
/// one.
ItemFields exported_item_fields(const ItemFields& others, const AttributeTable* before);

/// Reads items, adding their ids to `ids`. Without a template the text is the field "text", or
/// title; maker; category as far as the file has them. Of an attribute without a type it is guessed
/// by the first records. Appends the choices made to `choices`.
ItemTexts read_items(Records& records, const ItemFields& fields, IdTable& ids, BadRecords& bad,
                     std::vector<FieldChoice>& choices);

/// Reads one JSON object id → text (see the function of this name in formats/sequences.h).
std::int64_t read_item_texts(const std::string& file, bool numbered, IdTable& ids,
                             ItemTexts& texts);

/// The titles of items that have a text but no title: where most such texts hold a ';' (they are
/// lists of fields then, while a title alone rarely does: "Steins;Gate") the part before the first
/// one, otherwise the whole text.
void title_by_text(ItemTexts& items);

enum class IdOf { user, item };
/// Throws Error, without a place, for an id that no file can give back: empty, with a line end or
/// NUL in it, or of an item and not UTF-8 (items are kept as JSON); or that is no string or whole
/// number, or one below 0 where numbers are kept as such.
void check_id(const Value& id, IdOf whose);

}  // namespace tessera
