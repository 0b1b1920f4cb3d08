#include "formats/json_lines.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <unordered_set>

#include "formats/python_literal.h"

namespace tessera {
namespace {

namespace dom = simdjson::dom;

// One record: the parser's document lives until the next call.
class RecordParser {
 public:
  explicit RecordParser(bool python) : python_(python) {}

  /// `line` must be followed by LineReader::kPadding readable bytes. Null if it is no object.
  std::string parse(std::string_view line, dom::object& object) {
    static_assert(simdjson::SIMDJSON_PADDING <= LineReader::kPadding);
    dom::element element;
    auto error = parser_.parse(line.data(), line.size(), false).get(element);
    if (error != simdjson::SUCCESS && python_ && python_to_json(line, json_)) {
      error = parser_.parse(json_).get(element);
    }
    if (error != simdjson::SUCCESS) return simdjson::error_message(error);
    return element.get(object) == simdjson::SUCCESS ? "" : "it is no object";
  }

 private:
  dom::parser parser_;
  bool python_;
  std::string json_;
};

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

void collect_names(const dom::object& object, const std::string& prefix,
                   std::unordered_set<std::string>& known, std::vector<std::string>& names) {
  for (const dom::key_value_pair field : object) {
    const std::string name = prefix + std::string(field.key);
    dom::object inner;
    if (field.value.get(inner) == simdjson::SUCCESS) {
      collect_names(inner, name + '.', known, names);
    } else if (known.insert(name).second) {
      names.push_back(name);
    }
  }
}

bool find_path(const dom::object& object, std::string_view path, dom::element& found) {
  if (object.at_key(path).get(found) == simdjson::SUCCESS) return true;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
       dot = path.find('.', dot + 1)) {
    dom::object inner;
    if (object.at_key(path.substr(0, dot)).get(inner) == simdjson::SUCCESS &&
        find_path(inner, path.substr(dot + 1), found)) {
      return true;
    }
  }
  return false;
}

template <class Number>
void append_number(Number number, std::string& out) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

// The text of anything: elements of lists and values of objects with ", " between them.
void append_text(const dom::element& element, std::string& out) {
  const auto separate = [&, first = out.size()] {
    if (out.size() > first) out += ", ";
  };
  switch (element.type()) {
    case dom::element_type::STRING:
      out += std::string_view(element);
      break;
    case dom::element_type::INT64:
      append_number(std::int64_t(element), out);
      break;
    case dom::element_type::UINT64:
      append_number(std::uint64_t(element), out);
      break;
    case dom::element_type::DOUBLE:
      append_number(double(element), out);
      break;
    case dom::element_type::BOOL:
      out += bool(element) ? "true" : "false";
      break;
    case dom::element_type::NULL_VALUE:
      break;
    case dom::element_type::ARRAY:
      for (const dom::element inner : dom::array(element)) {
        separate();
        append_text(inner, out);
      }
      break;
    case dom::element_type::OBJECT:
      for (const dom::key_value_pair field : dom::object(element)) {
        separate();
        append_text(field.value, out);
      }
      break;
  }
}

Value value_of(const dom::element& element, std::string& scratch) {
  using Type = dom::element_type;
  const Type type = element.type();
  if (type == Type::NULL_VALUE) return {};
  if (type == Type::STRING) return {std::string_view(element), Value::Kind::word};
  scratch.clear();
  append_text(element, scratch);
  const bool whole = type == Type::INT64 || type == Type::UINT64;
  return {scratch, whole                  ? Value::Kind::word
                   : type == Type::DOUBLE ? Value::Kind::fraction
                                          : Value::Kind::compound};
}

}  // namespace

std::vector<std::string> json_names(std::string_view text, bool python) {
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  RecordParser parser(python);
  ByteStream stream("", text);
  LineReader lines(stream);
  dom::object object;
  while (lines.next()) {
    if (parser.parse(lines.line(), object).empty()) collect_names(object, "", known, names);
  }
  return names;
}

void read_json_lines(LineReader& lines, bool python, std::span<const std::string> wanted,
                     BadRecords& bad, const RowSink& sink) {
  RecordParser parser(python);
  std::vector<std::string> scratch(wanted.size());
  std::vector<Value> row(wanted.size());
  while (lines.next()) {
    if (is_blank(lines.line())) continue;
    bad.guard(lines, [&] {
      dom::object object;
      const std::string problem = parser.parse(lines.line(), object);
      if (!problem.empty()) {
        fail("not a JSON object{}: {}; give one object a line (jq -c '.[]' splits a list)",
             python ? " or a Python literal" : "", problem);
      }
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        dom::element found;
        const bool there = !wanted[i].empty() && find_path(object, wanted[i], found);
        row[i] = there ? value_of(found, scratch[i]) : Value{};
      }
      sink(row);
    });
  }
}

}  // namespace tessera
