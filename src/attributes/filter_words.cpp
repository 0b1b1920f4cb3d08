// Filters in words: a recursive descent over
//
//   either    := both { "or" both }
//   both      := one { "and" one }
//   one       := "not" one | "(" either ")" | condition
//   condition := NAME [ ("=" | "!=" | "<" | "<=" | ">" | ">=") VALUE | ["not"] "in" "(" VALUE { ","
//   VALUE } ")" | "exists" ]
#include "attributes/item_filter.h"
#include "base/error.h"
#include "base/numbers.h"
#include "tessera/filter.h"

namespace tessera {
namespace {

using Condition = Filter::Condition;

struct Word {
  enum class Kind { end, name, text, sign } kind = Kind::end;
  std::string text;
  std::size_t place = 0;

  bool is(Kind of, std::string_view what) const { return kind == of && text == what; }
};

bool belongs_to_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
         c == '_' || c == '.' || c == '-' || c == '+' || c == ':';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { next(); }

  Filter whole() {
    Filter filter = either(0);
    if (word_.kind != Word::Kind::end) refuse("'and', 'or' or the end");
    return filter;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected) const {
    fail_usage("filter '{}': at '{}' (character {}) should stand {}", text_,
               word_.kind == Word::Kind::end ? "the end" : word_.text, word_.place + 1, expected);
  }

  void next() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    word_ = {Word::Kind::end, "", at_};
    if (at_ == text_.size()) return;
    const char first = text_[at_];
    if (first == '"' || first == '\'' || first == '`') {
      quoted(first);
    } else if (belongs_to_name(first)) {
      word_.kind = Word::Kind::name;
      while (at_ < text_.size() && belongs_to_name(text_[at_])) word_.text += text_[at_++];
    } else {
      word_.kind = Word::Kind::sign;
      word_.text = first;
      ++at_;
      const bool two =
          (first == '<' || first == '>' || first == '!') && at_ < text_.size() && text_[at_] == '=';
      if (two) word_.text += text_[at_++];
    }
  }

  // `name`, or text; a quote inside stands there twice.
  void quoted(char quote) {
    word_.kind = quote == '`' ? Word::Kind::name : Word::Kind::text;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != quote) break;
        ++at_;
      }
      word_.text += text_[at_];
    }
    if (at_ == text_.size()) refuse(fmt::format("a closing {}", quote));
    ++at_;
  }

  bool take(Word::Kind kind, std::string_view text) {
    if (!word_.is(kind, text)) return false;
    next();
    return true;
  }
  bool take_name(std::string_view text) { return take(Word::Kind::name, text); }
  bool take_sign(std::string_view text) { return take(Word::Kind::sign, text); }

  Filter either(int depth) {
    if (depth > kMaxFilterDepth) refuse("less: it nests too deeply");
    Filter first = both(depth);
    if (!word_.is(Word::Kind::name, "or")) return first;
    Filter group;
    group.should.push_back(std::move(first));
    while (take_name("or")) group.should.push_back(both(depth));
    return group;
  }

  Filter both(int depth) {
    Filter first = one(depth);
    if (!word_.is(Word::Kind::name, "and")) return first;
    Filter group;
    group.must.push_back(std::move(first));
    while (take_name("and")) group.must.push_back(one(depth));
    return group;
  }

  static Filter negated(Filter filter) {
    Filter none;
    none.must_not.push_back(std::move(filter));
    return none;
  }

  Filter one(int depth) {
    if (depth > kMaxFilterDepth) refuse("less: it nests too deeply");
    if (take_name("not")) return negated(one(depth + 1));
    if (take_sign("(")) {
      Filter inner = either(depth + 1);
      if (!take_sign(")")) refuse("a closing )");
      return inner;
    }
    return condition();
  }

  Filter::Literal value() {
    Filter::Literal literal;
    if (word_.kind == Word::Kind::text) {
      literal = word_.text;
    } else if (word_.kind != Word::Kind::name) {
      refuse("a value: a number, true, false, or text in quotes");
    } else if (word_.text == "true" || word_.text == "false") {
      literal = word_.text == "true";
    } else if (const auto number = parse_number<double>(word_.text)) {
      literal = *number;
    } else {
      refuse("a value: a number, true, false, or text in quotes");
    }
    next();
    return literal;
  }

  std::vector<Filter::Literal> list() {
    if (!take_sign("(")) refuse("a list: (\"tea\", \"coffee\")");
    std::vector<Filter::Literal> values = {value()};
    while (take_sign(",")) values.push_back(value());
    if (!take_sign(")")) refuse("a closing )");
    return values;
  }

  Filter condition() {
    if (word_.kind != Word::Kind::name) refuse("an attribute's name");
    Condition condition{.attribute = word_.text};
    next();
    condition.kind = Condition::Kind::any;
    const auto made = [&] { return Filter{.condition = condition}; };
    if (take_name("exists")) {
      condition.kind = Condition::Kind::exists;
      return made();
    }
    if (take_name("not")) {
      if (!take_name("in")) refuse("in (…)");
      condition.values = list();
      return negated(made());
    }
    if (take_name("in")) {
      condition.values = list();
      return made();
    }
    if (take_sign("=")) {
      condition.values = {value()};
      return made();
    }
    if (take_sign("!=")) {
      condition.values = {value()};
      return negated(made());
    }
    if (bound(condition)) {
      condition.kind = Condition::Kind::range;
      return made();
    }
    condition.values = {true};  // a boolean's name alone
    return made();
  }

  bool bound(Condition& condition) {
    if (take_sign("<")) {
      condition.lt = value();
    } else if (take_sign("<=")) {
      condition.lte = value();
    } else if (take_sign(">")) {
      condition.gt = value();
    } else if (take_sign(">=")) {
      condition.gte = value();
    } else {
      return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Word word_;
};

}  // namespace

Filter filter_from_words(std::string_view words) { return Parser(words).whole(); }

}  // namespace tessera
