#pragma once
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/task.h"
#include "serve/access.h"
#include "serve/body.h"
#include "serve/exchange.h"
#include "serve/feedback.h"
#include "serve/follower.h"
#include "serve/hosts.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/routes.h"
#include "serve/trends.h"
#include "serve/variants.h"
#include "serve/watch.h"
#include "store/store.h"

namespace tessera {

/// An error's answer: {"error": {"code", "message"}}.
Response error_response(int status, std::string_view code, std::string_view message);

class Service;

/// Where a task goes on whose answer came in a thread of the store: what is called may let another
/// thread resume it. Nothing: there.
using Resume = std::function<void(std::coroutine_handle<>)>;

/// What a handler works with.
struct Call {
  Service& service;
  const Request& request;
  const Match& match;
  Access granted;  ///< what the caller may do
  Scratch& scratch;
  const Resume& resume;
  std::size_t variant = 0;  ///< that answers
  ServedModel::InUse in_use = {};
  std::shared_ptr<Model> model = {};  ///< the same for the whole call, whatever is loaded meanwhile
  /// Whether lists count for the variant: not those of one that was asked for by its name.
  bool measured = false;

  /// From here on this variant answers.
  void answer_by(std::size_t one_of_them);
  /// The variant of this name; throws Refusal 400.
  std::size_t variant_of(std::string_view name) const;

  /// What the store answers; a failure is counted, logged and thrown as Refusal 503.
  template <class T>
  Task<T> from_store(Task<T> asked) const;
  /// The request's body, read by the route's table.
  Body body() const;
  // Parameters of the query, by the route's table; throw Refusal 400.
  std::string_view text(std::string_view name) const;
  std::optional<std::string> given(std::string_view name) const;
  std::size_t number(std::string_view name) const;
};

/// A request's route, or the answer where that is already known.
struct Plan {
  Match match;
  Access granted = Access::open;
  std::optional<Response> answer;
  std::string readable_by = {};  ///< the origin whose pages may read the answer; "": none

  std::string_view route() const { return match.route != nullptr ? match.route->path : "none"; }
  std::string_view method() const { return match.route != nullptr ? match.route->method : "none"; }
  /// Whether the answer can wait for a model that is still being loaded.
  bool needs_model() const { return !answer && route().starts_with("/v1/"); }
};

struct ServiceOptions {
  std::vector<VariantOptions> models;  ///< one or more
  fs::path token_file = {};            ///< none: no tokens
  fs::path backups = {};  ///< where the store is backed up to on request; empty: nowhere
  HostNames hosts = {};   ///< what the service is called
  std::vector<std::string> origins = {};  ///< of pages elsewhere that may read; "*": of all
  bool load_later = false;                ///< by `start`, not by the constructor
  std::string salt = "tessera";           ///< of the hash that tells users' variants
  std::vector<std::string> conversions = {"purchase"};  ///< kinds of events
};

/// What a service does.
enum class Phase { starting, ready, reloading, draining };

/// The service without its sockets: requests in, responses out. The model in use is swapped as a
/// whole while calls run, which keep the one they began with. Every function may be called from
/// several threads at once.
class Service {
 public:
  /// Loads the bundle and puts the store's items, unless told to later; throws Error. `store` and
  /// `log` must outlive the service.
  Service(ServiceOptions options, Store& store, const Log& log);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Loads the first model in a thread of its own; `on_failure` is called if it cannot, and
  /// load_error says why.
  void start(const std::function<void()>& on_failure) { variants_.start_load(false, on_failure); }

  /// Which handler, and whether the caller may use it.
  Plan plan(const Request& request) const noexcept;
  /// What the answer has to wait for.
  Work work_of(const Plan& plan, const Request& request, Scratch& scratch) const noexcept;
  /// The answer, an error's too; it throws nothing. The scratch is its own until it is done.
  Task<Response> respond(const Plan& plan, const Request& request, Scratch& scratch,
                         const Resume& resume);
  /// The same here and now.
  Response answer(const Plan& plan, const Request& request, Scratch& scratch) {
    return wait(respond(plan, request, scratch, {}));
  }
  Response answer(const Request& request, Scratch& scratch) {
    return answer(plan(request), request, scratch);
  }

  Phase phase() const;
  /// The first variant's; null while the first is loaded.
  std::shared_ptr<Model> model() const { return variants_.in_use(0).model; }
  /// Loads the bundle again beside the one in use, in a thread of its own, and swaps it in with all
  /// stored items; what goes wrong is logged and leaves the old one in use. While that is going on:
  /// false, and with `again` another follows.
  bool start_reload(bool again = false) { return variants_.start_load(again); }
  /// How often every bundle was swapped in, the first time included.
  std::size_t generation() const { return variants_.generation(); }
  bool reloading() const { return variants_.loading(); }
  /// Why the last load failed; "" if it did not.
  std::string load_error() const { return variants_.error(); }
  /// Reads the token file again; where that fails the tokens stay as they are, and the log says so.
  void reread_tokens();
  bool asks_for_tokens() const { return !tokens()->empty(); }

  /// From here on /readyz says no, and no load begins.
  void drain();
  /// How long whoever asks /readyz at intervals should still be answered, so that they hear of it;
  /// nothing if nobody asks, or they heard.
  std::chrono::milliseconds announcement() const;
  /// Someone asked /readyz.
  void note_probe();
  /// Whether all loads have ended, at the latest by then.
  bool idle_by(std::chrono::steady_clock::time_point end) const { return variants_.idle_by(end); }

  /// Each changes the store, then the models in use. Throw Refusal.
  /// Returns the item as the model stored it.
  ItemCard put_item(const StoredItem& item);
  void erase_item(std::string_view id);
  /// Returns the item as it is again.
  ItemCard restore_item(std::string_view id);
  /// Many changes at once; returns why one was refused, for each that was.
  std::vector<std::optional<Refusal>> change_items(std::span<const ServedModel::Wish> wishes);
  /// Returns all attributes of the item.
  AttributeValues set_attributes(std::string_view id, const AttributeValues& values);
  Store& store() const { return store_; }
  /// Counts and logs a failure of the store, and throws it as Refusal 503.
  [[noreturn]] void refuse_for_store(const Error& error);
  /// work(store), with refuse_for_store.
  template <class DoWork>
  auto with_store(const DoWork& work) {
    try {
      return work(store_);
    } catch (const Error& error) {
      refuse_for_store(error);
    }
  }

  const fs::path& backups() const { return options_.backups; }
  ServiceMetrics& metrics() { return metrics_; }
  Trends& trends() { return trends_; }
  const Variants& variants() const { return variants_; }
  Feedback& feedback() { return feedback_; }
  Watch& watch() { return watch_; }
  const Log& log() const { return log_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const AccessTokens> tokens() const;
  bool may_read(std::string_view origin) const;
  void check_origin(const Request& request, Plan& plan) const;
  Task<Response> handle(const Plan& plan, const Request& request, Scratch& scratch,
                        const Resume& resume);
  void remember();
  void read_trends();

  const ServiceOptions options_;
  Store& store_;
  const Log& log_;
  ServiceMetrics metrics_;
  Feedback feedback_;
  Trends trends_;

  std::once_flag feedback_read_;
  mutable std::mutex mutex_;  // guards what follows, for as long as a copy takes
  std::shared_ptr<const AccessTokens> tokens_;
  bool draining_ = false, told_ = false;
  Clock::time_point last_probe_{};
  Clock::duration probe_interval_{};

  // Each has threads that use what stands before it, until it is destroyed.
  Variants variants_;
  Watch watch_;
  Follower follower_;
};

template <class T>
Task<T> Call::from_store(Task<T> asked) const {
  struct GoOn {
    const Resume& resume;
    bool await_ready() const { return !resume; }
    void await_suspend(std::coroutine_handle<> task) const { resume(task); }
    void await_resume() const {}
  };
  const std::thread::id thread = std::this_thread::get_id();
  std::optional<T> answer;
  std::optional<Error> failure;
  try {
    answer.emplace(co_await std::move(asked));
  } catch (const Error& error) {
    failure = error;
  }
  if (std::this_thread::get_id() != thread) co_await GoOn{resume};
  if (failure) service.refuse_for_store(*failure);
  co_return std::move(*answer);
}

}  // namespace tessera
