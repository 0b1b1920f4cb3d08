#include "data/event_log.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/numbers.h"
#include "data/item_texts.h"
#include "formats/sequences.h"

namespace tessera {
namespace {

enum Role : std::size_t { kUser, kItem, kTime, kRating, kType, kRoles };

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
      : fields_(fields), log_(log), unit_(fields.time_unit) {}

  void add(std::span<const Value> row) {
    // All is parsed before any of it is kept: a bad record leaves nothing behind.
    const std::int64_t time = parse(row[kTime]);
    if (fields_.min_rating && !(rating_of(row[kRating]) >= *fields_.min_rating)) {
      ++log_.read;
      ++log_.below_rating;
      return;
    }
    float weight = 1.0F;
    if (!fields_.weights.empty()) {
      const auto found = fields_.weights.find(row[kType].text);
      if (found == fields_.weights.end()) {
        ++log_.read;
        ++log_.other_type;
        return;
      }
      weight = static_cast<float>(found->second);
    }
    check_id(row[kUser], IdOf::user);
    check_id(row[kItem], IdOf::item);
    users_.push_back(row[kUser].text);
    items_.push_back(row[kItem].text);
    if (time != kUnknownTime && log_.time.empty()) log_.time.assign(kept_, kUnknownTime);
    if (time != kUnknownTime || !log_.time.empty()) log_.time.push_back(time);
    if (!fields_.weights.empty()) log_.weight.push_back(weight);
    ++log_.read;
    ++kept_;
    if (users_.size() == kAtOnce) flush();
  }

  /// To be called at the end.
  void flush() {
    log_.users.intern(users_.views(), log_.user);
    log_.items.intern(items_.views(), log_.item);
    users_.clear();
    items_.clear();
  }

 private:
  std::int64_t parse(const Value& value) {
    if (value.kind == Value::Kind::compound) fail("time '{}' is no time; correct it", value.text);
    if (!unit_ && !value.empty() && value.text != "-1") unit_ = guess_time_unit(value.text);
    return parse_time(value.text, unit_.value_or(TimeUnit::seconds));
  }

  static double rating_of(const Value& value) {
    if (value.empty()) return -std::numeric_limits<double>::infinity();
    const auto rating = parse_number<double>(value.text);
    if (!rating) fail("rating '{}' is no number; correct it, or leave it empty", value.text);
    return *rating;
  }

  const EventFields& fields_;
  EventLog& log_;
  std::optional<TimeUnit> unit_;
  std::size_t kept_ = 0;
  WaitingIds users_, items_;
};

}  // namespace

void read_events(Records& records, const EventFields& fields, BadRecords& bad, EventLog& log) {
  std::array<std::string, kRoles> wanted;
  const auto choose = [&](Role role, const char* name, const std::string& given, const char* option,
                          bool required) {
    log.choices.push_back(
        choose_field(records.name(), records.names(), name, given, option, required));
    wanted[role] = log.choices.back().field;
  };
  choose(kUser, "user", fields.user, "--user", true);
  choose(kItem, "item", fields.item, "--item", true);
  choose(kTime, "time", fields.time, "--time", false);
  if (fields.min_rating) choose(kRating, "rating", fields.rating, "--rating", true);
  if (!fields.weights.empty()) choose(kType, "event type", fields.type, "--event-type", true);
  EventCollector collector(fields, log);
  records.read(wanted, bad, [&](std::span<const Value> row) { collector.add(row); });
  collector.flush();
}

void read_sequence_events(ByteStream& stream, ByteStream* times, std::int64_t largest,
                          const EventFields& fields, BadRecords& bad, EventLog& log) {
  LineReader lines(stream);
  std::optional<LineReader> clock;
  if (times != nullptr) clock.emplace(*times);
  EventCollector collector(fields, log);
  std::array<Value, kRoles> roles{};  // neither rating nor type
  read_sequences(lines, clock ? &*clock : nullptr, largest, bad, [&](std::span<const Value> row) {
    std::ranges::copy(row, roles.begin());
    collector.add(roles);
  });
  collector.flush();
}

}  // namespace tessera
