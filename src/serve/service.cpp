#include "serve/service.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "serve/answers.h"

namespace tessera {
namespace {

/// Whoever asks /readyz less often is not waited for at the end.
constexpr std::chrono::seconds kRarestProbe{5};

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

std::optional<std::string> Call::given(std::string_view name) const {
  const std::string_view value = text(name);
  return value.empty() ? std::nullopt : std::optional(std::string(value));
}

std::size_t Call::number(std::string_view name) const {
  const Field& field = *std::ranges::find(match.route->query, name, &Field::name);
  for (const auto& [key, text] : match.parameters) {
    if (key != name) continue;
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

void Call::answer_by(std::size_t one_of_them) {
  variant = one_of_them;
  in_use = service.variants().in_use(variant);
  model = in_use.model;
}

std::size_t Call::variant_of(std::string_view name) const {
  const Variants& variants = service.variants();
  if (const auto found = variants.find(name)) return *found;
  std::string known;
  for (std::size_t i = 0; i < variants.size(); ++i) known += (i > 0 ? ", " : "") + variants.name(i);
  throw Refusal(400, "unknown_variant",
                fmt::format("no variant '{}'; there are: {}", printable(name), known));
}

namespace {

std::vector<std::string> names_of(const std::vector<VariantOptions>& variants) {
  std::vector<std::string> names;
  for (const VariantOptions& variant : variants) names.push_back(variant.name);
  return names;
}

}  // namespace

Service::Service(ServiceOptions options, Store& store, const Log& log)
    : options_(std::move(options)),
      store_(store),
      log_(log),
      feedback_(names_of(options_.models), options_.conversions),
      tokens_(options_.token_file.empty() ? std::make_shared<AccessTokens>()
                                          : std::make_shared<AccessTokens>(options_.token_file)),
      variants_(options_.models, options_.salt, store, log, metrics_, [this] { remember(); }),
      watch_(store,
             [this](std::size_t variant, bool hit) {
               feedback_.note_watched(variant, hit);
               if (variant == 0) metrics_.count_watched(hit);
             }),
      follower_(store, variants_, metrics_, log) {
  metrics_.watch(log);
  if (!options_.load_later) variants_.load();
}

/// What the store and the first variant's model know of the past counts on.
void Service::remember() {
  try {
    std::call_once(feedback_read_, [&] {
      store_.for_each_feedback([&](const StoredFeedback& feedback) { feedback_.take(feedback); });
    });
    read_trends();
  } catch (const Error& error) {
    log_.event("past_not_read", error.what());
  }
}

/// The events that training saw, and those that were stored since: each counts once.
void Service::read_trends() {
  const std::shared_ptr<Model> model = this->model();
  std::vector<std::pair<std::string, double>> trained;
  for (const TrendingItem& one : model->trending()) {
    trained.emplace_back(model->card(one.item).id, one.touched);
  }
  const auto milliseconds = [](Trends::Clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  };
  const std::int64_t now = milliseconds(Trends::Clock::now());
  const auto last = static_cast<std::int64_t>(1e3 * model->last_event());
  trends_.restart(trained);
  store_.for_each_history("", [&](std::string_view, std::span<const StoredEvent> events) {
    for (const StoredEvent& event : events) {
      if (!event.time || *event.time <= last || event.received.value_or(0) > now) continue;
      const std::chrono::milliseconds time(std::min(*event.time, now));
      trends_.note({&event.item, 1}, Trends::Clock::time_point(time));
    }
    return phase() != Phase::draining;
  });
}

std::shared_ptr<const AccessTokens> Service::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

void Service::reread_tokens() {
  if (options_.token_file.empty()) return;
  try {
    auto fresh = std::make_shared<const AccessTokens>(options_.token_file);
    const std::lock_guard lock(mutex_);
    tokens_ = std::move(fresh);
  } catch (const Error& error) {
    log_.event("tokens_not_reread", error.what());
  }
}

Phase Service::phase() const {
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return Phase::draining;
  }
  if (!variants_.ready()) return Phase::starting;
  return variants_.loading() ? Phase::reloading : Phase::ready;
}

void Service::drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  variants_.stop();
  watch_.stop();
  follower_.stop();
}

void Service::note_probe() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (last_probe_ != Clock::time_point()) probe_interval_ = now - last_probe_;
  last_probe_ = now;
  told_ = told_ || draining_;
}

std::chrono::milliseconds Service::announcement() const {
  using namespace std::chrono_literals;
  const std::lock_guard lock(mutex_);
  const bool regular = probe_interval_ > 0s && probe_interval_ < kRarestProbe;
  if (told_ || !regular || Clock::now() - last_probe_ > 2 * probe_interval_) return 0ms;
  return std::chrono::duration_cast<std::chrono::milliseconds>(probe_interval_) + 100ms;
}

bool Service::may_read(std::string_view origin) const {
  return std::ranges::any_of(options_.origins, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

/// Pages of other sites may read if they were named, and never write.
void Service::check_origin(const Request& request, Plan& plan) const {
  const Route& route = *plan.match.route;
  const bool reads = !request.origin.empty() && may_read(request.origin) &&
                     route.access <= Access::read && route.path.starts_with("/v1/");
  if (reads) {
    plan.readable_by = request.origin;
  } else if (from_another_site(request)) {
    throw Refusal(403, "cross_origin", "pages of other sites may not write here");
  }
}

Plan Service::plan(const Request& request) const noexcept {
  Plan plan;
  std::string allowed;
  try {
    if (!request.host.empty() && !options_.hosts.know(request.host, request.own_address)) {
      throw Refusal(421, "unknown_host",
                    "the service is not called so; whoever runs it may add --host NAME");
    }
    Request routed = request;
    if (routed.method == "HEAD") routed.method = "GET";
    const bool asks = routed.method == "OPTIONS" && !routed.asked_method.empty() &&
                      !routed.origin.empty() && may_read(routed.origin);
    if (asks) routed.method = routed.asked_method;
    plan.match = match_route(routed.method, routed.target, allowed);
    check_origin(routed, plan);
    if (asks) {  // a browser, before it sends what a page wants to send
      plan.answer = Response{.status = 204, .body = ""};
      return plan;
    }
    const auto in_use = tokens();
    const AccessTokens::Grant grant = in_use->grant(request.authorization);
    plan.granted = grant.access;
    require(plan.match.route->access, plan.granted, "this");
    read_query(plan.match);
    if (const auto wait = grant.limit != nullptr ? grant.limit->take() : std::nullopt) {
      Refusal refusal(429, "rate_limited", "this token has made too many requests; try again");
      refusal.retry_after = static_cast<int>(std::ceil(wait->count()));
      throw refusal;
    }
  } catch (const Refusal& refusal) {
    plan.answer = error_response(refusal.status, refusal.code, refusal.what());
    plan.answer->allow = allowed;
    plan.answer->retry_after = refusal.retry_after;
  } catch (const std::exception& error) {
    plan.answer = error_response(500, "internal", "the request could not be read");
  }
  return plan;
}

Work Service::work_of(const Plan& plan, const Request& request, Scratch& scratch) const noexcept {
  if (plan.answer) return Work::quick;
  const Route& route = *plan.match.route;
  if (std::ranges::none_of(route.body, [](const Field& f) { return f.work > Work::quick; })) {
    return route.work;
  }
  try {
    return std::max(route.work, Body(scratch, request.body, route.body, plan.granted).work());
  } catch (const std::exception&) {  // the handler will say what is wrong with it
    return Work::quick;
  }
}

Task<Response> Service::respond(const Plan& plan, const Request& request, Scratch& scratch,
                                const Resume& resume) {
  if (plan.answer) co_return *plan.answer;
  if (plan.needs_model() && !variants_.ready()) {
    Response starting = error_response(503, "starting", "the model is still being loaded");
    starting.retry_after = 1;
    co_return starting;
  }
  Task<Response> handling = handle(plan, request, scratch, resume);
  co_return co_await std::move(handling);
}

Task<Response> Service::handle(const Plan& plan, const Request& request, Scratch& scratch,
                               const Resume& resume) {
  try {
    Call call{*this, request, plan.match, plan.granted, scratch, resume};
    call.answer_by(0);
    for (const auto& [name, value] : plan.match.parameters) {
      if (name == "variant") call.answer_by(call.variant_of(value));
    }
    const Clock::time_point begin = Clock::now();
    Response response = co_await plan.match.route->handle(call);
    if (call.measured) {
      feedback_.note_request(call.variant,
                             std::chrono::duration<double>(Clock::now() - begin).count());
    }
    if (plan.needs_model()) {
      response.model = call.in_use.name;
      response.variant = variants_.name(call.variant);
    }
    co_return response;
  } catch (const Refusal& refusal) {
    Response response = error_response(refusal.status, refusal.code, refusal.what());
    if (refusal.status == 503) response.retry_after = 1;
    co_return response;
  } catch (const std::bad_alloc&) {
    log_.event("out_of_memory", plan.route());
    co_return error_response(503, "out_of_memory", "there is no memory for this now; try again");
  } catch (const std::exception& error) {
    log_.event("internal_error", fmt::format("{}: {}", plan.route(), error.what()));
    co_return error_response(500, "internal", "the service failed; its log says more");
  }
}

ItemCard Service::put_item(const StoredItem& item) {
  const auto write = [&](const StoredItem& kept) {
    with_store([&](Store& store) { store.put_item(kept); });
  };
  return variants_.put(item, write);
}

std::vector<std::optional<Refusal>> Service::change_items(
    std::span<const ServedModel::Wish> wishes) {
  return variants_.change(wishes, [&](std::span<const StoredChange> changes) {
    with_store([&](Store& store) { store.change_items(changes); });
  });
}

void Service::erase_item(std::string_view id) {
  variants_.erase(id, [&] { with_store([&](Store& store) { store.erase_item(id); }); });
}

ItemCard Service::restore_item(std::string_view id) {
  return variants_.restore(id, [&] { with_store([&](Store& store) { store.restore_item(id); }); });
}

AttributeValues Service::set_attributes(std::string_view id, const AttributeValues& values) {
  std::vector<StoredAttribute> stored;
  for (const auto& [name, value] : values) stored.push_back({name, json_of(value)});
  return variants_.set_attributes(
      id, values, [&] { with_store([&](Store& store) { store.put_attributes(id, stored); }); });
}

void Service::refuse_for_store(const Error& error) {
  metrics_.count_store_failure();
  log_.event("store_failed", error.what());
  throw Refusal(503, "store_unavailable", "the store cannot do this now; try again later");
}

}  // namespace tessera
