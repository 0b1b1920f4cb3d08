#include <cmath>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/console_files.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

Task<bool> store_answers(Call& call) {
  try {
    co_return co_await call.from_store(call.service.store().check_async());
  } catch (const Refusal&) {
    co_return false;
  }
}

}  // namespace

Response health(Call& /*call*/) { return reply({{"status", "ok"}}); }

Task<Response> readiness(Call& call) {
  Service& service = call.service;
  const Phase phase = service.phase();
  service.note_probe();
  const char* status = "ready";
  if (phase == Phase::starting) {
    status = "starting";
  } else if (phase == Phase::draining) {
    status = "draining";
  } else if (!co_await store_answers(call)) {
    status = "store_unavailable";
  }
  const bool ready = std::string_view(status) == "ready";
  AnswerJson json = {{"status", status},
                     {"generation", service.generation()},
                     {"reloading", phase == Phase::reloading}};
  const std::string error = service.load_error();
  if (!error.empty()) json["reload_error"] = error;
  co_return reply(json, ready ? 200 : 503);
}

Response metrics(Call& call) {
  return {.body = call.service.metrics().text() + call.service.feedback().text(),
          .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

Response describe_api(Call& call) { return reply(openapi(call.service.asks_for_tokens())); }

namespace {

/// Shares are null while there is nothing to tell them from.
AnswerJson share(std::uint64_t part, std::uint64_t of) {
  if (of == 0) return nullptr;
  return static_cast<double>(part) / static_cast<double>(of);
}

}  // namespace

Response describe_model(Call& call) {
  const Model& model = *call.model;
  const ServiceMetrics::Freshness fresh = call.service.metrics().freshness();
  AnswerJson attributes = AnswerJson::object(), variants = AnswerJson::array();
  for (const Attribute& attribute : model.attributes()) {
    attributes[attribute.name] = name_of(attribute.type);
  }
  for (std::size_t i = 0; i < call.service.variants().size(); ++i) {
    variants.push_back(call.service.variants().name(i));
  }
  return reply({{"name", call.in_use.name},
                {"variant", call.service.variants().name(call.variant)},
                {"variants", std::move(variants)},
                {"attributes", std::move(attributes)},
                {"generation", call.in_use.generation},
                {"items", model.size()},
                {"live_items", model.live_items()},
                {"reads_text", model.reads_text()},
                {"levels", model.levels()},
                {"collaborative_tokens", model.collaborative_tokens()},
                {"codebook_size", model.codebook_size()},
                {"id_dims", model.id_dims()},
                {"max_length", model.max_length()},
                {"watch",
                 {{"age_seconds", std::llround(fresh.age_seconds)},
                  {"requests", fresh.requests},
                  {"with_unknown_items", share(fresh.with_unknown_items, fresh.requests)},
                  {"live_items", model.live_items()},
                  {"watched_events", fresh.watched_events},
                  {"HR@10", share(fresh.hits, fresh.watched_events)}}},
                {"settings", AnswerJson::parse(model.config()).at("settings")}});
}

Response reload_model(Call& call) {
  if (!call.service.start_reload()) {
    throw Refusal(409, "already_reloading", "the bundle is being loaded already");
  }
  return reply({{"status", "reloading"}, {"generation", call.service.generation()}}, 202);
}

Response backup_store(Call& call) {
  const fs::path& directory = call.service.backups();
  if (directory.empty()) {
    throw Refusal(409, "no_backup_directory", "the service was started without --backups");
  }
  call.service.with_store([&](Store& store) { store.backup(directory); });
  return reply({{"status", "done"}});
}

Response purge_store(Call& call) {
  call.service.with_store([](Store& store) { store.purge_erased(); });
  return reply({{"status", "done"}});
}

Response console_page(Call& /*call*/) {
  const ConsoleFile* page = find_console_file("index.html");
  return {.body = std::string(page->content), .content_type = std::string(page->content_type)};
}

Response console_file(Call& call) {
  const ConsoleFile* file = find_console_file(call.match.segments.front());
  if (file == nullptr) {
    throw Refusal(404, "unknown_file",
                  fmt::format("no file '{}'", printable(call.match.segments.front())));
  }
  return {.body = std::string(file->content), .content_type = std::string(file->content_type)};
}

}  // namespace tessera
