#pragma once
#include <memory>
#include <string>

namespace tessera {

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
  void set_items(std::size_t items, std::size_t live);

  /// In the text format of Prometheus.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
