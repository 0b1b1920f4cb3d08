#include "data/event_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/texts.h"
#include "data/item_texts.h"
#include "formats/csv.h"
#include "formats/fields.h"
#include "formats/sequences.h"

namespace tessera {
namespace {

enum Role : std::size_t { kUser, kItem, kTime, kRating, kType, kId, kWeight, kRoles };

constexpr std::size_t kAtOnce = 1024;

// Ids of rows that are gone.
class WaitingIds {
 public:
  std::size_t size() const { return ends_.size(); }
  void push_back(std::string_view id) {
    bytes_ += id;
    ends_.push_back(bytes_.size());
  }
  std::span<const std::string_view> views() {
    views_.clear();
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      views_.push_back(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
    return views_;
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::vector<std::string_view> views_;
};

// Rows of the roles above → events. They are kept in columns as they come, but for the numbers of
// their ids, which are looked up many at once.
class EventCollector {
 public:
  EventCollector(const EventFields& fields, EventLog& log)
      : fields_(fields), log_(log), form_(fields.time_form), kept_(log.user.size()) {
    for (const std::string& word : fields.missing) longest_ = std::max(longest_, word.size());
  }

  /// The form of the times, unless it was given.
  void suggest(const TimeForm& form) {
    if (!form_) form_ = form;
  }

  void add(std::span<const Value> given) {
    std::array<Value, kRoles> row;
    for (std::size_t role = 0; role < kRoles; ++role) row[role] = known(given[role]);
    // All is parsed before any of it is kept: a bad record leaves nothing behind.
    const std::int64_t time = parse(row[kTime]);
    if (repeats(row, time)) {
      ++log_.read;
      ++log_.repeated;
      return;
    }
    if (fields_.min_rating && !(rating_of(row[kRating]) >= *fields_.min_rating)) {
      ++log_.read;
      ++log_.below_rating;
      return;
    }
    float weight = 1.0F;
    if (!fields_.weights.empty()) {
      const std::string_view type = trimmed(row[kType].text, " ");
      const auto found = fields_.weights.find(type);
      const bool plain = fields_.exported && type.empty();
      if (!plain) count_type(type);
      if (!plain && found == fields_.weights.end()) {
        ++log_.read;
        ++log_.other_type;
        return;
      }
      if (!plain) weight = static_cast<float>(found->second);
      if (fields_.exported && !row[kWeight].empty()) weight = weight_of(row[kWeight]);
    }
    check_id(row[kUser], IdOf::user);
    for_each_item(row[kItem], [](const Value& item) { check_id(item, IdOf::item); });
    for_each_item(row[kItem],
                  [&](const Value& item) { keep(row[kUser].text, item.text, time, weight); });
    ++log_.read;
  }

  /// To be called at the end.
  void flush() {
    log_.users.intern(users_.views(), log_.user);
    log_.items.intern(items_.views(), log_.item);
    users_.clear();
    items_.clear();
  }

 private:
  void keep(std::string_view user, std::string_view item, std::int64_t time, float weight) {
    users_.push_back(user);
    items_.push_back(item);
    if (time != kUnknownTime && log_.time.empty()) log_.time.assign(kept_, kUnknownTime);
    if (time != kUnknownTime || !log_.time.empty()) log_.time.push_back(time);
    if (!fields_.weights.empty()) log_.weight.push_back(weight);
    ++kept_;
    if (users_.size() == kAtOnce) flush();
  }

  // The ids that the field of an item holds: one, or where it may be several any number.
  template <class Visit>
  void for_each_item(const Value& field, const Visit& visit) const {
    if (fields_.item_delimiter.empty()) return visit(field);
    const bool list = field.kind == Value::Kind::compound;
    const bool blanks = !list && fields_.item_delimiter == kBlanks;
    const std::string_view between = list     ? std::string_view(", ")
                                     : blanks ? std::string_view(" ")
                                              : std::string_view(fields_.item_delimiter);
    std::string_view rest = field.text;
    while (!rest.empty()) {
      const std::size_t end =
          std::min(blanks ? rest.find_first_of(" \t") : rest.find(between), rest.size());
      const std::string_view id = trimmed(rest.substr(0, end), " ");
      if (!id.empty()) visit({id, Value::Kind::word});
      rest.remove_prefix(std::min(end + between.size(), rest.size()));
    }
  }

  // Absent if the text stands for something missing.
  Value known(const Value& value) {
    if (value.text.size() > longest_ || value.text.empty() ||
        std::ranges::find(fields_.missing, value.text) == fields_.missing.end()) {
      return value;
    }
    ++log_.missing;
    return {};
  }

  // Whether the event was read before, as far as it can be told.
  bool repeats(std::span<const Value> row, std::int64_t time) {
    if (!fields_.id.empty() && !row[kId].text.empty()) return !meet({row[kId].text}, 0);
    if (!fields_.distinct || time == kUnknownTime) return false;
    return !meet({row[kUser].text, row[kItem].text, trimmed(row[kType].text, " ")}, time);
  }

  // By 64 bits of a digest: among a hundred million events two would be taken for one in a run of
  // four thousand.
  bool meet(std::initializer_list<std::string_view> texts, std::int64_t time) {
    std::uint64_t digest = mix_bits(static_cast<std::uint64_t>(time));
    for (const std::string_view text : texts) {
      std::uint64_t word = text.size();
      for (const char c : text) word = mix_bits(word ^ static_cast<unsigned char>(c));
      digest = mix_bits(digest ^ word);
    }
    return log_.met.insert(digest).second;
  }

  void count_type(std::string_view type) {
    constexpr std::size_t kMost = 1000;  // of a column that is none of types
    const auto found = log_.types.find(type);
    if (found != log_.types.end()) {
      ++found->second;
    } else if (log_.types.size() < kMost) {
      log_.types.emplace(type, 1);
    }
  }

  std::int64_t parse(const Value& value) {
    if (value.kind == Value::Kind::compound) fail("time '{}' is no time; correct it", value.text);
    if (!form_ && !value.empty() && value.text != "-1") {
      const std::string first[] = {std::string(value.text)};
      form_ = guess_time_form(first);
    }
    return parse_time(value.text, form_.value_or(TimeForm{}));
  }

  static float weight_of(const Value& value) {
    const auto weight = parse_number<float>(value.text);
    if (!weight || !(*weight >= 0) || !std::isfinite(*weight)) {
      fail("weight '{}' is no number from 0; export the events again", value.text);
    }
    return *weight;
  }

  static double rating_of(const Value& value) {
    if (value.empty()) return -std::numeric_limits<double>::infinity();
    const auto rating = parse_number<double>(value.text);
    if (!rating) fail("rating '{}' is no number; correct it, or leave it empty", value.text);
    return *rating;
  }

  const EventFields& fields_;
  EventLog& log_;
  std::optional<TimeForm> form_;
  std::size_t kept_;  // events of the log
  std::size_t longest_ = 0;
  WaitingIds users_, items_;
};

// Whether all of the first lines are 'user item rating time' or 'user item time'.
bool looks_like_records(std::string_view head) {
  constexpr std::size_t kLines = 20;
  std::vector<std::string_view> fields;
  std::size_t lines = 0;
  for (; !head.empty() && lines < kLines; ++lines) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    split_fields(head.substr(0, end), fields);
    if (fields.size() < 3 || fields.size() > 4 || !looks_like_time(fields.back())) return false;
    head.remove_prefix(std::min(end + 1, head.size()));
  }
  return lines > 1;
}

// The format of sequences is the default: of a file of another kind it would make nonsense.
void refuse_other_formats(LineReader& lines) {
  const std::string_view head = lines.ahead();
  const std::string_view line = head.substr(0, head.find('\n'));
  const char* likely = nullptr;
  if (looks_like_records(head)) {
    likely = "one event a line, 'user item … time'; give --format csv";
  } else if (line.starts_with('{') || line.starts_with('[')) {
    likely = "JSON; give --format jsonl";
  } else if (line.find_first_of(",;|") != std::string_view::npos ||
             line.find("::") != std::string_view::npos) {
    likely = "records with a delimiter; give --format csv";
  }
  if (likely == nullptr) return;
  fail("{}: looks like {} (or --format sequences, if the lines are 'user item item …')",
       lines.name(), likely);
}

}  // namespace

EventFields exported_fields(const EventFields& others) {
  EventFields fields;
  fields.user = "user";
  fields.item = "item";
  fields.distinct = others.distinct;
  fields.time_form = TimeForm{TimeUnit::milliseconds};
  fields.weights = others.weights;
  fields.exported = true;
  fields.missing.clear();
  return fields;
}

void read_events(Records& records, const EventFields& fields, BadRecords& bad, EventLog& log) {
  FieldChooser chooser(records);
  for (const std::string* given : {&fields.user, &fields.item, &fields.time, &fields.rating}) {
    chooser.take(*given);
  }
  if (!fields.user.empty() && fields.user == fields.item) {
    fail_usage("--user and --item name the same field, '{}'", fields.user);
  }
  std::vector<FieldChoice> choices;
  std::array<std::string, kRoles> wanted;
  const auto choose = [&](Role role, const char* name, const std::string& given, const char* option,
                          bool required) {
    choices.push_back(chooser.choose(name, given, option, required));
    wanted[role] = choices.back().field;
  };
  choose(kUser, "user", fields.user, "--user", true);
  choose(kItem, "item", fields.item, "--item", true);
  if (!fields.exported) choose(kTime, "time", fields.time, "--time", false);
  if (fields.min_rating) choose(kRating, "rating", fields.rating, "--rating", true);
  if (fields.exported) {
    wanted[kType] = "kind";
    wanted[kWeight] = "weight";
    wanted[kTime] = "time";
  } else if (!fields.weights.empty()) {
    choose(kType, "event type", fields.type, "--event-type", true);
  }
  if (fields.weights.empty() && fields.distinct && !fields.exported) {
    choose(kType, "event type", fields.type, "--event-type", false);
  }
  // Not every file of a log that lies in several has ids.
  if (std::ranges::find(records.names(), fields.id) != records.names().end()) {
    wanted[kId] = fields.id;
    log.has_ids = true;
  }
  EventCollector collector(fields, log);
  if (!fields.time_form && !wanted[kTime].empty()) {
    std::vector<std::string> times = records.sample(wanted[kTime]);
    std::erase_if(times, [&](const std::string& time) {
      return std::ranges::find(fields.missing, time) != fields.missing.end();
    });
    try {
      if (!times.empty()) collector.suggest(guess_time_form(times));
    } catch (const Error& error) {
      fail("{}: {}", records.name(), error.what());
    }
  }
  records.read(wanted, bad, [&](std::span<const Value> row) { collector.add(row); });
  collector.flush();
  for (const std::string& remark : records.remarks()) log.remarks.push_back(remark);
  if (log.choices.empty()) log.choices = std::move(choices);
}

void read_sequence_events(ByteStream& stream, ByteStream* times, std::int64_t largest,
                          const EventFields& fields, BadRecords& bad, EventLog& log) {
  // Numbers, and users' ids as they are: nothing to guess an encoding for.
  LineReader lines(stream, "utf-8");
  if (!fields.sequences_meant) refuse_other_formats(lines);
  std::optional<LineReader> clock;
  if (times != nullptr) clock.emplace(*times, "utf-8");
  EventCollector collector(fields, log);
  std::array<Value, kRoles> roles{};  // neither rating nor type
  read_sequences(lines, clock ? &*clock : nullptr, largest, bad, [&](std::span<const Value> row) {
    std::ranges::copy(row, roles.begin());
    collector.add(roles);
  });
  collector.flush();
}

}  // namespace tessera
