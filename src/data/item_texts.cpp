#include "data/item_texts.h"

#include <algorithm>

#include "attributes/attribute_values.h"
#include "base/error.h"
#include "base/files.h"
#include "base/texts.h"
#include "base/utf8.h"
#include "data/html_entities.h"
#include "formats/sequences.h"

namespace tessera {
namespace {

// Title; maker; category: those of them that the file has.
std::string guess_template(FieldChooser chooser) {
  std::string pattern;
  const auto add = [&](const char* role) {
    const std::string field = chooser.choose(role, "", "", false).field;
    if (!field.empty()) pattern += (pattern.empty() ? "{" : "; {") + field + "}";
    return !field.empty();
  };
  if (add("text")) return pattern;
  for (const char* role : {"title", "maker", "category"}) add(role);
  return pattern;
}

}  // namespace

TextTemplate TextTemplate::parse(std::string_view pattern) {
  TextTemplate result;
  for (;;) {
    const std::size_t open = pattern.find('{');
    if (open == std::string_view::npos) break;
    const std::size_t close = pattern.find('}', open);
    if (close == std::string_view::npos || close == open + 1) {
      fail_usage("--text '{}': a field stands in braces, as in '{{title}}; {{brand}}'", pattern);
    }
    result.parts.push_back({std::string(pattern.substr(0, open)),
                            std::string(pattern.substr(open + 1, close - open - 1))});
    pattern.remove_prefix(close + 1);
  }
  if (result.parts.empty()) {
    fail_usage("--text '{}': name fields in braces, as in '{{title}}; {{brand}}'", pattern);
  }
  result.after = pattern;
  return result;
}

std::string TextTemplate::fill(std::span<const Value> values) const {
  if (std::ranges::all_of(values, [](const Value& value) { return trimmed(value.text).empty(); })) {
    return "";
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text.append(parts[i].before).append(values[i].text);
  return text + after;
}

std::string clean_text(std::string_view text) {
  std::string clean = decode_html_entities(text);
  for (char& c : clean) {
    const bool control =
        static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
    if (control || c == '\x7F') c = ' ';
  }
  if (is_utf8(clean)) return std::string(trimmed(clean));
  std::string repaired;
  for (std::string_view rest = clean; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    repaired += length == 0 ? std::string_view("\uFFFD") : rest.substr(0, length);
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return std::string(trimmed(repaired));
}

bool ItemTexts::set(std::size_t item, std::string title, std::string text) {
  if (item >= listed.size()) {
    titles.resize(item + 1);
    texts.resize(item + 1);
    listed.resize(item + 1);
  }
  if (listed[item]) {
    ++repeated_rows;
    return false;
  }
  listed[item] = true;
  titles[item] = std::move(title);
  texts[item] = std::move(text);
  return true;
}

std::size_t ItemTexts::replace_by(ItemTexts later) {
  std::size_t replaced = 0;
  if (attributes.schema() != later.attributes.schema()) {
    fail_usage("--attributes: the types that are guessed differ among the items files; give them");
  }
  for (std::size_t i = 0; i < later.listed.size(); ++i) {
    if (!later.listed[i]) continue;
    if (i < listed.size() && listed[i]) {
      ++replaced;
      listed[i] = false;
    }
    set(i, std::move(later.titles[i]), std::move(later.texts[i]));
    const auto item = static_cast<std::int32_t>(i);
    for (std::size_t a = 0; a < attributes.schema().size(); ++a) {
      const AttributeValue value = later.attributes.value(a, item);
      if (!later.partial || !std::holds_alternative<std::monostate>(value)) {
        attributes.set(a, item, value);
      }
    }
  }
  repeated_rows += later.repeated_rows;
  broken_texts += later.broken_texts;
  remarks.insert(remarks.end(), later.remarks.begin(), later.remarks.end());
  return replaced;
}

void check_id(const Value& id, IdOf whose) {
  const char* what = whose == IdOf::user ? "user" : "item";
  if (id.kind == Value::Kind::negative) {
    fail("the {} id {} is negative; correct it, or give ids as strings", what, id.text);
  }
  if (id.kind != Value::Kind::word && id.kind != Value::Kind::absent) {
    const bool whole = id.kind == Value::Kind::fraction && id.text.ends_with(".0");
    const bool list = id.kind == Value::Kind::compound && whose == IdOf::item;
    fail("the {} id '{}' is neither a string nor a whole number; correct it{}", what, id.text,
         whole  ? " (of a column that became floats for its missing values: astype('Int64'))"
         : list ? " (of a list of items: --item-delimiter ,)"
                : "");
  }
  if (id.text.empty()) fail("the {} id is missing; complete or remove the record", what);
  const auto plain = [](char c) { return c >= 0x20; };  // of ASCII
  if (std::ranges::all_of(id.text, plain)) return;
  constexpr std::string_view kNoId("\r\n\0", 3);
  if (id.text.find_first_of(kNoId) != std::string_view::npos) {
    fail("the {} id '{}' holds a line end or NUL byte; correct it", what, id.text);
  }
  if (whose == IdOf::item && !is_utf8(id.text)) {
    fail("the {} id '{}' is not UTF-8; give --encoding", what, id.text);
  }
}

namespace {

/// What the fields of a record hold. Throws Error, without a place, for one that does not fit.
std::vector<AttributeValue> values_of(std::span<const Attribute> attributes,
                                      std::span<const Value> row) {
  std::vector<AttributeValue> values;
  for (std::size_t a = 0; a < attributes.size(); ++a) {
    const bool list = row[a].kind == Value::Kind::compound;
    values.push_back(value_of_text(attributes[a], row[a].text, list));
  }
  return values;
}

/// "price:number,brand": each a field of the file, and the attribute of the same name.
std::vector<Attribute> attributes_of(const std::string& text, const FieldChooser& chooser,
                                     Records& records, std::vector<FieldChoice>& choices) {
  std::vector<Attribute> attributes;
  std::vector<std::string_view> parts = split(text, ",");
  if (parts.back().empty()) parts.pop_back();
  for (const std::string_view part : parts) {
    const std::size_t colon = part.rfind(':');
    const std::string name(trimmed(part.substr(0, colon)));
    if (name.empty()) {
      fail_usage("--attributes '{}': give fields, with types or without, as 'price:number,brand'",
                 text);
    }
    const std::string& field = chooser.known(name, "--attributes");
    const bool guessed = colon == std::string_view::npos;
    const std::vector<std::string> sample = guessed ? records.sample(field) : std::vector{name};
    if (sample.empty()) {
      fail_usage(
          "--attributes: the type of '{}' cannot be seen beforehand; give '{}:labels', or "
          "number, bool or time",
          name, name);
    }
    const AttributeType type =
        guessed ? guess_attribute_type(sample) : attribute_type(trimmed(part.substr(colon + 1)));
    choices.push_back({fmt::format("attribute ({})", name_of(type)), field, guessed});
    attributes.push_back({field, type});
  }
  return attributes;
}

}  // namespace

ItemFields exported_item_fields(const ItemFields& others, const AttributeTable* before) {
  ItemFields fields{"id", "title", "{text}", others.attributes};
  if (before != nullptr) fields.known_attributes = before->schema();
  return fields;
}

ItemTexts read_items(Records& records, const ItemFields& fields, IdTable& ids, BadRecords& bad,
                     std::vector<FieldChoice>& choices) {
  FieldChooser chooser(records);
  chooser.take(fields.title);
  choices.push_back(chooser.choose("key", fields.id, "--item-id", true));
  std::vector<std::string> wanted = {choices.back().field};
  choices.back().role = "item (items file)";
  const FieldChooser rest = chooser;  // a title may be part of the text
  choices.push_back(chooser.choose("title", fields.title, "--title", false));
  wanted.push_back(choices.back().field);
  const std::string pattern = fields.text.empty() ? guess_template(rest) : fields.text;
  choices.push_back({"text", pattern, fields.text.empty()});
  TextTemplate text;
  if (!pattern.empty()) text = TextTemplate::parse(pattern);
  for (const TextTemplate::Part& part : text.parts) {
    wanted.push_back(chooser.known(part.field, "--text"));
  }
  ItemTexts items;
  items.partial = fields.known_attributes.has_value();
  items.attributes = AttributeTable(
      fields.known_attributes ? *fields.known_attributes
                              : attributes_of(fields.attributes, chooser, records, choices));
  for (const Attribute& attribute : items.attributes.schema()) wanted.push_back(attribute.name);
  const std::size_t first_attribute = 2 + text.parts.size();
  records.read(wanted, bad, [&](std::span<const Value> row) {
    check_id(row[0], IdOf::item);
    const std::vector<AttributeValue> held =
        values_of(items.attributes.schema(), row.subspan(first_attribute));
    const auto item = static_cast<std::size_t>(ids.intern(row[0].text));
    const std::string filled = text.fill(row.subspan(2, text.parts.size()));
    items.broken_texts += is_utf8(row[1].text) && is_utf8(filled) ? 0 : 1;
    if (!items.set(item, clean_text(row[1].text), clean_text(filled))) return;
    for (std::size_t a = 0; a < held.size(); ++a) {
      items.attributes.set(a, static_cast<std::int32_t>(item), held[a]);
    }
  });
  items.remarks = records.remarks();
  return items;
}

std::int64_t read_item_texts(const std::string& file, bool numbered, IdTable& ids,
                             ItemTexts& texts) {
  return read_item_texts(read_file(file), file, numbered, [&](std::span<const Value> row) {
    check_id(row[0], IdOf::item);
    texts.set(static_cast<std::size_t>(ids.intern(row[0].text)), "", clean_text(row[1].text));
  });
}

void title_by_text(ItemTexts& items) {
  std::size_t untitled = 0;
  std::size_t with_fields = 0;
  const auto lacks_title = [&](std::size_t i) {
    return items.titles[i].empty() && !items.texts[i].empty();
  };
  for (std::size_t i = 0; i < items.texts.size(); ++i) {
    if (!lacks_title(i)) continue;
    ++untitled;
    with_fields += items.texts[i].find(';') != std::string::npos;
  }
  for (std::size_t i = 0; i < items.texts.size(); ++i) {
    if (!lacks_title(i)) continue;
    const std::string_view text = items.texts[i];
    const std::string_view title =
        trimmed(2 * with_fields > untitled ? text.substr(0, text.find(';')) : text);
    items.titles[i] = title.empty() ? text : title;
  }
}

}  // namespace tessera
