#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "serve/access.h"
#include "serve/body.h"
#include "serve/exchange.h"
#include "serve/hosts.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/routes.h"
#include "store/store.h"
#include "tessera/model.h"

namespace tessera {

/// An error's answer: {"error": {"code", "message"}}.
Response error_response(int status, std::string_view code, std::string_view message);

class Service;

/// What a handler works with.
struct Call {
  Service& service;
  const Request& request;
  const Match& match;
  Access granted;                ///< what the caller may do
  std::shared_ptr<Model> model;  ///< the same for the whole call, whatever is loaded meanwhile
  Scratch& scratch;

  /// The request's body, read by the route's table.
  Body body() const;
  // Parameters of the query, by the route's table; throw Refusal 400.
  std::string_view text(std::string_view name) const;
  std::size_t number(std::string_view name) const;
};

/// A request's route, or the answer where that is already known.
struct Plan {
  Match match;
  Access granted = Access::open;
  std::optional<Response> answer;

  std::string_view route() const { return match.route != nullptr ? match.route->path : "none"; }
  std::string_view method() const { return match.route != nullptr ? match.route->method : "none"; }
  /// Whether the answer may take long; a stored user's history comes from a store that may be far.
  bool slow(const Request& request) const {
    if (answer || match.route == nullptr) return false;
    return match.route->pace == Route::Pace::slow ||
           (match.route->pace == Route::Pace::slow_for_user &&
            request.body.find("\"user\"") != std::string_view::npos);
  }
};

/// The service without its sockets: requests in, responses out. The model in use is swapped as a
/// whole while calls run, which keep the one they began with. Every function may be called from
/// several threads at once.
class Service {
 public:
  /// Loads the bundle and puts the store's items; throws Error. `store` and `log` must outlive the
  /// service. `backups`: where the store is backed up to on request; empty: nowhere. `hosts`: what
  /// the service is called.
  Service(fs::path bundle, Store& store, AccessTokens tokens, const Log& log, fs::path backups = {},
          HostNames hosts = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Which handler, and whether the caller may use it.
  Plan plan(const Request& request) const noexcept;
  /// The answer, an error's too.
  Response respond(const Plan& plan, const Request& request, Scratch& scratch) noexcept;
  Response answer(const Request& request, Scratch& scratch) noexcept {
    return respond(plan(request), request, scratch);
  }

  std::shared_ptr<Model> model() const;
  /// Loads the bundle again beside the one in use, in a thread of its own, and swaps it in with all
  /// stored items; what goes wrong is logged and leaves the old one in use. False if that is
  /// already going on.
  bool start_reload();
  /// How often a bundle was swapped in, the first one included.
  std::size_t generation() const { return generation_; }
  bool reloading() const { return reloading_; }
  /// Why the last reload failed; "" if it did not.
  std::string reload_error() const;

  /// From here on /readyz says no.
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

  /// Each changes the store, then the model in use. Throw Refusal.
  /// Returns the item as the model stored it.
  ItemCard put_item(const StoredItem& item);
  void erase_item(std::string_view id);
  /// work(store); a failure is counted, logged and thrown as Refusal 503.
  template <class Work>
  auto with_store(const Work& work) {
    try {
      return work(store_);
    } catch (const Error& error) {
      refuse_for_store(error);
    }
  }

  const fs::path& backups() const { return backups_; }
  ServiceMetrics& metrics() { return metrics_; }
  bool asks_for_tokens() const { return !tokens_.empty(); }

 private:
  std::shared_ptr<Model> load();
  void reload();
  void apply(Model& model, const StoredItem& item) const;
  [[noreturn]] void refuse_for_store(const Error& error);
  void count_items();

  const fs::path bundle_, backups_;
  Store& store_;
  const AccessTokens tokens_;
  const HostNames hosts_;
  const Log& log_;
  ServiceMetrics metrics_;

  mutable std::mutex model_mutex_;  // guards model_ and reload_error_, for as long as a copy takes
  std::shared_ptr<Model> model_;
  std::string reload_error_;

  /// Changes of items come one at a time, so that store and model see them in one order. While a
  /// bundle is being loaded they are noted, for it may have read the store before them.
  std::mutex changes_;
  struct Change {
    StoredItem item;
    bool erased;
  };
  std::vector<Change> noted_;

  std::atomic<bool> reloading_ = false, draining_ = false;
  std::atomic<std::size_t> generation_ = 0;
  std::mutex reload_thread_mutex_;
  std::thread reload_thread_;
};

}  // namespace tessera
