#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

class Log;

/// What the service counts, for Prometheus. Every function may be called from several threads at
/// once.
class ServiceMetrics {
 public:
  ServiceMetrics();
  ~ServiceMetrics();

  /// A request that was answered: its route ("none" where no route fits), and the seconds from when
  /// it was read to when its answer was ready.
  void count_request(std::string_view method, std::string_view route, int status, double seconds);
  void count_connections(int change);
  /// A connection that was turned away because there were too many.
  void count_refused_connection();
  void count_store_failure();
  void count_reload(bool succeeded);
  /// Changes of items and attributes by other processes that reached the models here.
  void count_followed(std::size_t changes);
  /// Counts the lines that the log drops; it must live as long as text() is called.
  void watch(const Log& log);
  void set_items(std::size_t items, std::size_t live);
  /// Another model is in use from here on, whose files were written then.
  void set_model(std::chrono::system_clock::time_point written);
  /// A request that named items or a user with stored events, and whether the model knew all of
  /// them.
  void count_items_asked(bool all_known);
  /// A stored event that was ranked by the first variant's model against the history before it, and
  /// whether it was among the ten best.
  void count_watched(bool hit);

  /// What says whether the model in use should be replaced, since it came into use.
  struct Freshness {
    double age_seconds = 0;
    std::uint64_t requests = 0, with_unknown_items = 0;
    std::uint64_t watched_events = 0, hits = 0;
  };
  Freshness freshness() const;
  /// A list that was answered: what it was made of, "model" or a source, and its items, of which
  /// those from `known` on were put since training.
  void note_list(std::string_view from, std::span<const std::int32_t> items, std::size_t known);

  /// In the text format of Prometheus.
  std::string text() const;

 private:
  void set_process() const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
