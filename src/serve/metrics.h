#pragma once
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
  /// Counts the lines that the log drops; it must live as long as text() is called.
  void watch(const Log& log);
  void set_items(std::size_t items, std::size_t live);
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
