#pragma once
#include <memory>
#include <string>

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

  /// In the text format of Prometheus.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
