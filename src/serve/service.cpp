#include "serve/service.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/answers.h"

namespace tessera {
namespace {

/// A page of another site may not write here with the reader's browser as its tool.
bool from_another_site(const Request& request) {
  if (request.origin.empty() || request.method == "GET" || request.method == "HEAD") return false;
  const std::size_t scheme = request.origin.find("://");
  return scheme == std::string_view::npos || request.origin.substr(scheme + 3) != request.host;
}

[[noreturn]] void refuse_parameter(const std::string& message) {
  throw Refusal(400, "invalid_request", message);
}

}  // namespace

Response error_response(int status, std::string_view code, std::string_view message) {
  return reply({{"error", {{"code", code}, {"message", message}}}}, status);
}

Body Call::body() const { return {scratch, request.body, match.route->body, granted}; }

std::string_view Call::text(std::string_view name) const {
  const Field& field = *std::ranges::find(match.route->query, name, &Field::name);
  for (const auto& [key, value] : match.parameters) {
    if (key != name || value.empty()) continue;
    if (std::cmp_greater(value.size(), field.most)) {
      refuse_parameter(fmt::format("'{}' may have {} bytes at most", name, field.most));
    }
    return value;
  }
  if (field.required) refuse_parameter(fmt::format("'{}' is missing: {}", name, field.description));
  return {};
}

std::size_t Call::number(std::string_view name) const {
  const Field& field = *std::ranges::find(match.route->query, name, &Field::name);
  for (const auto& [key, text] : match.parameters) {
    if (key != name || text.empty()) continue;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
        value > field.most) {
      refuse_parameter(fmt::format("'{}' must be a whole number from 1 to {}", name, field.most));
    }
    return static_cast<std::size_t>(value);
  }
  return static_cast<std::size_t>(field.standard);
}

Service::Service(fs::path bundle, Store& store, AccessTokens tokens, const Log& log,
                 fs::path backups, HostNames hosts)
    : bundle_(std::move(bundle)),
      backups_(std::move(backups)),
      store_(store),
      tokens_(std::move(tokens)),
      hosts_(std::move(hosts)),
      log_(log) {
  model_ = load();
  generation_ = 1;
  count_items();
}

Service::~Service() {
  if (reload_thread_.joinable()) reload_thread_.join();
}

Plan Service::plan(const Request& request) const noexcept {
  Plan plan;
  std::string allowed;
  try {
    if (!request.host.empty() && !hosts_.know(request.host, request.own_address)) {
      throw Refusal(421, "unknown_host",
                    "the service is not called so; whoever runs it may add --host NAME");
    }
    Request routed = request;
    if (routed.method == "HEAD") routed.method = "GET";
    plan.match = match_route(routed.method, routed.target, allowed);
    if (from_another_site(request)) {
      throw Refusal(403, "cross_origin", "pages of other sites may not write here");
    }
    plan.granted = tokens_.granted(request.authorization);
    require(plan.match.route->access, plan.granted, "this");
  } catch (const Refusal& refusal) {
    plan.answer = error_response(refusal.status, refusal.code, refusal.what());
    plan.answer->allow = allowed;
  } catch (const std::exception& error) {
    plan.answer = error_response(500, "internal", "the request could not be read");
  }
  return plan;
}

Response Service::respond(const Plan& plan, const Request& request, Scratch& scratch) noexcept {
  if (plan.answer) return *plan.answer;
  try {
    Call call{*this, request, plan.match, plan.granted, model(), scratch};
    return plan.match.route->handle(call);
  } catch (const Refusal& refusal) {
    return error_response(refusal.status, refusal.code, refusal.what());
  } catch (const std::bad_alloc&) {
    log_.event("out_of_memory", plan.route());
    return error_response(503, "out_of_memory", "there is no memory for this now; try again");
  } catch (const std::exception& error) {
    log_.event("internal_error", fmt::format("{}: {}", plan.route(), error.what()));
    return error_response(500, "internal", "the service failed; its log says more");
  }
}

std::shared_ptr<Model> Service::model() const {
  const std::lock_guard lock(model_mutex_);
  return model_;
}

std::string Service::reload_error() const {
  const std::lock_guard lock(model_mutex_);
  return reload_error_;
}

void Service::apply(Model& model, const StoredItem& item) const {
  try {
    model.put(item.id, item.title, model.tokens_of(item.text));
  } catch (const Error& error) {  // of this item alone: the others serve
    log_.event("item_skipped", fmt::format("stored item '{}': {}", item.id, error.what()));
  }
}

std::shared_ptr<Model> Service::load() {
  auto model = std::make_shared<Model>(bundle_);
  store_.for_each_item([&](const StoredItem& item) { apply(*model, item); },
                       [&](std::string_view id) { model->erase(id); });
  model->prepare_look_ups();
  return model;
}

bool Service::start_reload() {
  const std::lock_guard lock(reload_thread_mutex_);
  if (reloading_.exchange(true)) return false;
  if (reload_thread_.joinable()) reload_thread_.join();
  reload_thread_ = std::thread([this] {
    work_alone();
    reload();
    reloading_ = false;
  });
  return true;
}

void Service::reload() {
  std::string failure;
  try {
    {
      // What was noted before now is in the store that is read below, or left from the end of an
      // earlier reload: it must not be done again over what followed.
      const std::lock_guard changes(changes_);
      noted_.clear();
    }
    std::shared_ptr<Model> next = load();
    const std::lock_guard changes(changes_);
    for (const Change& change : noted_) {
      if (change.erased) {
        next->erase(change.item.id);
      } else {
        apply(*next, change.item);
      }
    }
    const std::lock_guard lock(model_mutex_);
    model_.swap(next);
    ++generation_;
  } catch (const std::exception& error) {
    failure = message_line(error.what());
  }
  {
    const std::lock_guard lock(model_mutex_);
    reload_error_ = failure;
  }
  metrics_.count_reload(failure.empty());
  count_items();
  log_.event(failure.empty() ? "reloaded" : "reload_failed",
             failure.empty() ? bundle_.string() : failure);
}

ItemCard Service::put_item(const StoredItem& item) {
  ItemCard card;
  {
    const std::lock_guard lock(changes_);
    const std::shared_ptr<Model> model = this->model();
    ItemTokens tokens;
    try {
      tokens = model->tokens_of(item.text);
    } catch (const Error& error) {
      throw Refusal(422, "unreadable_text", error.what());
    }
    with_store([&](Store& store) { store.put_item(item); });
    if (reloading_) noted_.push_back({item, false});
    try {
      card = model->put(item.id, item.title, tokens);
    } catch (const Error& error) {
      throw Refusal(503, "too_many_items", error.what());
    }
  }
  count_items();
  return card;
}

void Service::erase_item(std::string_view id) {
  {
    const std::lock_guard lock(changes_);
    const std::shared_ptr<Model> model = this->model();
    if (!model->number(id)) {
      throw Refusal(404, "unknown_item", fmt::format("no item '{}'", printable(id)));
    }
    with_store([&](Store& store) { store.erase_item(id); });
    if (reloading_) noted_.push_back({{std::string(id), "", ""}, true});
    model->erase(id);
  }
  count_items();
}

void Service::refuse_for_store(const Error& error) {
  metrics_.count_store_failure();
  log_.event("store_failed", error.what());
  throw Refusal(503, "store_unavailable", "the store cannot do this now; try again later");
}

void Service::count_items() {
  const std::shared_ptr<Model> model = this->model();
  metrics_.set_items(model->size(), model->live_items());
}

}  // namespace tessera
