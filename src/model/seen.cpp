#include "model/seen.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/times.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// The last time that training sees, or kUnknownTime.
std::int64_t last_time(const Dataset& data) {
  if (data.times.empty()) return kUnknownTime;
  if (!data.refit && data.split.by_time) return data.split.validation_from - 1;
  return std::ranges::max(data.times);
}

// How many events of a user are seen: those up to the last one until a time, of unknown ones those
// before it.
std::int64_t events_until(const Dataset& data, std::size_t user, std::int64_t until) {
  const std::int64_t begin = data.offsets[user];
  for (std::int64_t e = data.offsets[user + 1]; e > begin; --e) {
    const std::int64_t time = data.times[static_cast<std::size_t>(e - 1)];
    if (time != kUnknownTime && time <= until) return e - begin;
  }
  return 0;
}

std::vector<std::int64_t> seen_until(const Dataset& data, std::int64_t until) {
  if (data.times.empty()) {
    fail(
        "the data have no times, so that nobody can tell which events a model has seen that "
        "learned until {}: prepare them with times",
        until);
  }
  std::vector<std::int64_t> seen(data.users());
  for (std::size_t u = 0; u < seen.size(); ++u) seen[u] = events_until(data, u, until);
  return seen;
}

std::vector<std::int64_t> seen_in(const Dataset& data, const Json& where) {
  const fs::path directory = where.at("data").get<std::string>();
  Dataset earlier;
  if (fs::exists(directory)) earlier = read_dataset(directory);
  if (fingerprint(earlier) != where.at("fingerprint").get<std::string>()) {
    fail(
        "{}: the data that a model was refit on, which have no times, are no longer there: nobody "
        "can tell which events it has seen; prepare data with times, or train from nothing",
        directory.string());
  }
  std::unordered_map<std::string_view, std::size_t> users;
  for (std::size_t u = 0; u < earlier.users(); ++u) users.emplace(earlier.user_ids[u], u);
  std::vector<std::int64_t> seen(data.users());
  for (std::size_t u = 0; u < seen.size(); ++u) {
    const auto found = users.find(data.user_ids[u]);
    if (found != users.end()) {
      seen[u] = static_cast<std::int64_t>(earlier.history(found->second).size());
    }
  }
  return seen;
}

}  // namespace

Json seen_by(const Dataset& data, const fs::path& directory, const std::string& digest,
             const Json& earlier) {
  // By leave-one-out what is held out today is held out, or trained on, by any later dataset.
  if (!data.refit && !data.split.by_time && data.cuts.empty()) return earlier;
  std::int64_t until = last_time(data);
  if (until == kUnknownTime) {
    return Json::object({{"data", fs::absolute(directory).string()}, {"fingerprint", digest}});
  }
  if (earlier.is_object()) until = std::max(until, earlier.value("until", until));
  return Json::object({{"until", until}});
}

void leave_out_seen(Dataset& data, const Json& seen) {
  if (!seen.is_object()) return;
  std::vector<std::int64_t> found = seen.contains("until")
                                        ? seen_until(data, seen.at("until").get<std::int64_t>())
                                        : seen_in(data, seen);
  data.seen.resize(data.users());
  std::ranges::transform(found, data.seen, data.seen.begin(),
                         [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
}

}  // namespace tessera
