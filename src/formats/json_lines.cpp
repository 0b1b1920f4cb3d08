#include "formats/json_lines.h"

#include <simdjson.h>

#include <algorithm>
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
  /// `text` must be followed by LineReader::kPadding readable bytes. What is wrong, or "".
  std::string parse(std::string_view text, dom::object& object) {
    static_assert(simdjson::SIMDJSON_PADDING <= LineReader::kPadding);
    dom::element element;
    auto error = parser_.parse(text.data(), text.size(), false).get(element);
    if (error != simdjson::SUCCESS && python_to_json(text, json_)) {
      error = parser_.parse(json_).get(element);
    }
    if (error != simdjson::SUCCESS) return simdjson::error_message(error);
    return element.get(object) == simdjson::SUCCESS ? "" : "it is no object";
  }

 private:
  dom::parser parser_;
  std::string json_;
};

// Behind the object that begins at `at` of the text; npos if it does not end there.
std::size_t end_of_object(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  char quote = '\0';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != '\0') {
      at += c == '\\' ? 1 : 0;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Whether objects stand one a line, to judge by the first of them.
bool one_a_line(std::string_view head) {
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || head[first] == '[') return first == std::string_view::npos;
  if (head[first] != '{') return true;
  const std::string_view line = head.substr(first, head.find('\n', first) - first);
  const std::size_t end = end_of_object(line, 0);
  return end != std::string_view::npos || end_of_object(head, first) == std::string_view::npos;
}

/// The texts of objects, from line to line.
class ObjectTexts {
 public:
  explicit ObjectTexts(LineReader& lines) : lines_(lines), one_a_line_(one_a_line(lines.ahead())) {}

  /// Moves to the next object; false at the end. Throws Error, behind which it goes on, for what is
  /// none or is not closed.
  bool next() {
    if (one_a_line_) return next_line();
    for (;;) {
      const std::string_view line = lines_.line();
      at_ = started_ ? std::min(line.find_first_not_of(" \t\r\n,[]", at_), line.size()) : 0;
      if (started_ && at_ < line.size()) break;
      if (!lines_.next()) return false;
      started_ = true;
      at_ = 0;
    }
    if (lines_.line()[at_] != '{') {
      at_ = lines_.line().size();
      fail("not a JSON object; give objects, one a line or in a list");
    }
    for (;;) {
      const std::size_t end = end_of_object(lines_.line(), at_);
      if (end != std::string_view::npos) {
        text_ = lines_.line().substr(at_, end - at_);
        at_ = end;
        return true;
      }
      if (lines_.extend()) continue;
      at_ = lines_.line().size();
      fail("the object is not closed: is the file cut short?");
    }
  }
  std::string_view text() const { return text_; }

 private:
  bool next_line() {
    do {
      if (!lines_.next()) return false;
    } while (lines_.line().find_first_not_of(" \t") == std::string_view::npos);
    text_ = lines_.line();
    return true;
  }

  LineReader& lines_;
  bool one_a_line_;
  bool started_ = false;
  std::size_t at_ = 0;
  std::string_view text_;
};

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

std::vector<std::string> json_names(std::string_view text) {
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  RecordParser parser;
  ByteStream stream("", text);
  LineReader lines(stream, "utf-8");
  ObjectTexts objects(lines);
  dom::object object;
  for (bool more = true; more;) {
    try {
      more = objects.next();
      if (more && parser.parse(objects.text(), object).empty()) {
        collect_names(object, "", known, names);
      }
    } catch (const Error&) {  // said when the records are read
    }
  }
  return names;
}

void read_json(LineReader& lines, std::span<const std::string> wanted, BadRecords& bad,
               const RowSink& sink) {
  RecordParser parser;
  ObjectTexts objects(lines);
  std::vector<std::string> scratch(wanted.size());
  std::vector<Value> row(wanted.size());
  for (bool more = true; more;) {
    bad.guard(lines, [&] {
      more = objects.next();
      if (!more) return;
      dom::object object;
      const std::string problem = parser.parse(objects.text(), object);
      if (!problem.empty()) fail("not a JSON object: {}; correct or remove it", problem);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        dom::element found;
        const bool there = !wanted[i].empty() && find_path(object, wanted[i], found);
        row[i] = there ? value_of(found, scratch[i]) : Value{};
      }
      sink(row);
    });
  }
}

OpenedRecords open_json(LineReader& lines, std::string_view /*head*/,
                        const RecordShape& /*shape*/) {
  return {json_names(lines.ahead()), read_json};  // all: a list of objects may be one line
}

}  // namespace tessera
