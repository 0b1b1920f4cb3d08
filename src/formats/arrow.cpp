#include "formats/arrow.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace tessera {
namespace {

template <class T>
T element(const ArrowArray& array, int buffer, std::int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(array.buffers[buffer]) + index * sizeof(T),
              sizeof(T));
  return value;
}

bool bit(const void* bits, std::int64_t index) {
  return (static_cast<const unsigned char*>(bits)[index / 8] >> (index % 8) & 1) != 0;
}

// `at` counts from the array's own start, as everywhere below; buffers begin `offset` before it.
bool is_null(const ArrowArray& array, std::int64_t at) {
  if (array.null_count == 0 || array.n_buffers == 0 || array.buffers[0] == nullptr) return false;
  return !bit(array.buffers[0], array.offset + at);
}

template <class T>
Value whole(const ArrowArray& array, std::int64_t index, std::string& scratch) {
  const T value = element<T>(array, 1, index);
  std::array<char, 24> digits{};
  scratch.assign(digits.data(),
                 std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  return {scratch, value < 0 ? Value::Kind::negative : Value::Kind::word};
}

template <class T>
Value fraction(const ArrowArray& array, std::int64_t index, std::string& scratch) {
  const T value = element<T>(array, 1, index);
  if (std::isnan(value)) return {};
  std::array<char, 400> digits{};
  scratch.assign(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                              std::chars_format::fixed)
                                    .ptr);
  if (std::isfinite(value) && scratch.find('.') == std::string::npos) scratch += ".0";
  return {scratch, Value::Kind::fraction};
}

template <class Offset>
std::string_view bytes(const ArrowArray& array, std::int64_t index) {
  const auto begin = element<Offset>(array, 1, index);
  const auto end = element<Offset>(array, 1, index + 1);
  if (begin == end) return {};
  return {static_cast<const char*>(array.buffers[2]) + begin,
          static_cast<std::size_t>(end - begin)};
}

// A string view: 4 bytes of length, then up to 12 bytes inside, or a prefix, the number of a data
// buffer and an offset in it.
std::string_view viewed_bytes(const ArrowArray& array, std::int64_t index) {
  const auto* view = static_cast<const char*>(array.buffers[1]) + index * 16;
  std::int32_t length = 0;
  std::memcpy(&length, view, 4);
  if (length <= 12) return {view + 4, static_cast<std::size_t>(length)};
  std::int32_t buffer = 0;
  std::int32_t offset = 0;
  std::memcpy(&buffer, view + 8, 4);
  std::memcpy(&offset, view + 12, 4);
  return {static_cast<const char*>(array.buffers[2 + buffer]) + offset,
          static_cast<std::size_t>(length)};
}

// Of `count` units of `unit` milliseconds (or its inverse, where that is negative).
Value time_text(std::int64_t count, std::int64_t unit, std::string& scratch) {
  if (count == std::numeric_limits<std::int64_t>::min()) return {};  // NumPy's "not a time"
  constexpr std::int64_t kFar = 253'402'300'799'999;                 // the end of the year 9999
  std::int64_t ms = 0;
  if (unit < 0) {
    ms = count / -unit - (count % -unit < 0 ? 1 : 0);
  } else {
    ms = std::clamp(count, -kFar / unit, kFar / unit) * unit;
  }
  ms = std::clamp(ms, -kFar / 10, kFar);
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t clock = (time - day).count();
  scratch = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                        clock / 3'600'000, clock / 60'000 % 60, clock / 1000 % 60, clock % 1000);
  return {scratch, Value::Kind::word};
}

std::int64_t time_unit(char letter) {
  switch (letter) {
    case 's':
      return 1000;
    case 'm':
      return 1;
    case 'u':
      return -1000;
    default:
      return -1'000'000;
  }
}

Value value_at(const ArrowSchema& schema, const ArrowArray& array, std::int64_t at,
               std::string& scratch);

// The texts of a list's elements, with ", " between, as of a list in JSON.
template <class Offset>
Value list_text(const ArrowSchema& schema, const ArrowArray& array, std::int64_t index,
                std::string& scratch) {
  std::string joined;
  std::string part;
  const auto end = element<Offset>(array, 1, index + 1);
  for (auto i = element<Offset>(array, 1, index); i < end; ++i) {
    const Value value = value_at(*schema.children[0], *array.children[0], i, part);
    if (value.empty()) continue;
    if (!joined.empty()) joined += ", ";
    joined += value.text;
  }
  scratch = std::move(joined);
  return {scratch, Value::Kind::compound};
}

Value value_at(const ArrowSchema& schema, const ArrowArray& array, std::int64_t at,
               std::string& scratch) {
  if (is_null(array, at)) return {};
  const std::int64_t index = array.offset + at;
  const auto word = [](std::string_view text) { return Value{text, Value::Kind::word}; };
  if (schema.dictionary != nullptr) {
    const Value place = [&] {
      ArrowSchema plain = schema;
      plain.dictionary = nullptr;
      return value_at(plain, array, at, scratch);
    }();
    std::int64_t entry = 0;
    std::from_chars(place.text.data(), place.text.data() + place.text.size(), entry);
    return value_at(*schema.dictionary, *array.dictionary, entry, scratch);
  }
  switch (schema.format[0]) {
    case 'n':
      return {};
    case 'b':
      return {bit(array.buffers[1], index) ? "true" : "false", Value::Kind::compound};
    case 'c':
      return whole<std::int8_t>(array, index, scratch);
    case 'C':
      return whole<std::uint8_t>(array, index, scratch);
    case 's':
      return whole<std::int16_t>(array, index, scratch);
    case 'S':
      return whole<std::uint16_t>(array, index, scratch);
    case 'i':
      return whole<std::int32_t>(array, index, scratch);
    case 'I':
      return whole<std::uint32_t>(array, index, scratch);
    case 'l':
      return whole<std::int64_t>(array, index, scratch);
    case 'L':
      return whole<std::uint64_t>(array, index, scratch);
    case 'f':
      return fraction<float>(array, index, scratch);
    case 'g':
      return fraction<double>(array, index, scratch);
    case 'u':
    case 'z':
      return word(bytes<std::int32_t>(array, index));
    case 'U':
    case 'Z':
      return word(bytes<std::int64_t>(array, index));
    case 'v':
      return word(viewed_bytes(array, index));
    case 't':
      if (schema.format[1] == 'd' && schema.format[2] == 'D') {
        return time_text(std::int64_t{element<std::int32_t>(array, 1, index)} * 86'400, 1000,
                         scratch);
      }
      return time_text(element<std::int64_t>(array, 1, index),
                       schema.format[1] == 'd' ? 1 : time_unit(schema.format[2]), scratch);
    default:
      return schema.format[1] == 'l' ? list_text<std::int32_t>(schema, array, index, scratch)
                                     : list_text<std::int64_t>(schema, array, index, scratch);
  }
}

// What people call a type: the specification's letters are for programs.
std::string type_name(std::string_view format) {
  struct Name {
    std::string_view letters;
    const char* name;
  };
  constexpr Name kNames[] = {{"e", "float16"},       {"d:", "decimal"},
                             {"_pli128", "Int128"},  {"w:", "binary of fixed size"},
                             {"vz", "binary view"},  {"tt", "time of day"},
                             {"tD", "duration"},     {"ti", "interval"},
                             {"+s", "struct"},       {"+m", "map"},
                             {"+u", "union"},        {"+w:", "list of fixed size"},
                             {"+l", "list of such"}, {"+L", "list of such"}};
  constexpr std::string_view kPython = "python:";
  if (format.starts_with(kPython)) return std::string(format.substr(kPython.size()));
  for (const Name& known : kNames) {
    if (format.starts_with(known.letters)) return known.name;
  }
  return "Arrow's '" + std::string(format) + "'";
}

bool is_known(const ArrowSchema& schema) {
  if (schema.dictionary != nullptr) return is_known(*schema.dictionary);
  const std::string_view format = schema.format;
  if (format.size() == 1) return format.find_first_of("nbcCsSiIlLfguUzZ") == 0;
  if (format == "+l" || format == "+L") return is_known(*schema.children[0]);
  return format == "vu" || format == "tdD" || format == "tdm" || format.starts_with("ts");
}

}  // namespace

ArrowTable::ArrowTable(std::string name, ArrowArrayStream& stream) : name_(std::move(name)) {
  stream_.value = stream;
  stream.release = nullptr;  // ours from here on
  check(stream_.value.get_schema(&stream_.value, &schema_.value), "its columns cannot be read");
  const ArrowSchema& schema = schema_.value;
  if (std::string_view(schema.format) != "+s") {
    fail("{}: is one column (Arrow type '{}'); give a table with named columns", name_,
         schema.format);
  }
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const char* column = schema.children[i]->name;
    names_.emplace_back(column == nullptr ? "" : column);
    if (std::ranges::count(names_, names_.back()) > 1) {
      fail("{}: two columns are called '{}'; rename one", name_, names_.back());
    }
  }
}

void ArrowTable::check(int status, const char* step) {
  if (status == 0) return;
  const char* why = stream_.value.get_last_error(&stream_.value);
  fail("{}: {}: {}", name_, step, why == nullptr ? std::strerror(status) : why);
}

void ArrowTable::read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) {
  if (stream_.value.release == nullptr)
    fail("{}: its rows were read already; give it again", name_);
  const ArrowSchema& schema = schema_.value;
  std::vector<std::int64_t> columns;
  for (const std::string& column : wanted) {
    const auto found = std::ranges::find(names_, column);
    columns.push_back(column.empty() ? -1 : found - names_.begin());
    if (columns.back() < 0) continue;
    const ArrowSchema& type = *schema.children[columns.back()];
    if (!is_known(type)) {
      fail("{}: column '{}' has the type {}; make strings, numbers or times of it", name_, column,
           type_name(type.format));
    }
  }
  std::vector<std::string> scratch(wanted.size());
  std::vector<Value> row(wanted.size());
  for (std::size_t number = 0;;) {
    ArrowOwned<ArrowArray> batch;
    check(stream_.value.get_next(&stream_.value, &batch.value), "its rows cannot be read");
    const ArrowArray& array = batch.value;
    if (array.release == nullptr) break;
    for (std::int64_t i = 0; i < array.length; ++i, ++number) {
      bad.guard([&] { return fmt::format("{}: row {}", name_, number); },
                [&] {
                  for (std::size_t c = 0; c < columns.size(); ++c) {
                    if (columns[c] < 0) continue;  // stays absent
                    row[c] = value_at(*schema.children[columns[c]], *array.children[columns[c]],
                                      array.offset + i, scratch[c]);
                  }
                  sink(row);
                });
    }
  }
  stream_.release();
}

}  // namespace tessera
