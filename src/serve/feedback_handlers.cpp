// Which variant does what: what was shown, what followed, and what is counted of it.
#include <chrono>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/attribution.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

std::int64_t milliseconds_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

/// A share of something, with its interval; null of nothing.
AnswerJson share_json(const char* what, std::uint64_t part, std::uint64_t of) {
  const ShareInterval interval = wilson_interval(part, of);
  return {{"rate", of == 0 ? AnswerJson()
                           : AnswerJson(static_cast<double>(part) / static_cast<double>(of))},
          {"interval", {interval.low, interval.high}},
          {what, part}};
}

AnswerJson variant_json(const Service& service, const Feedback& feedback, std::size_t variant) {
  const Variants& variants = service.variants();
  const ServedModel::InUse in_use = variants.in_use(variant);
  const Feedback::Counts counts = feedback.counts(variant);
  const auto share = [](std::uint64_t part, std::uint64_t of) {
    return of == 0 ? AnswerJson() : AnswerJson(static_cast<double>(part) / static_cast<double>(of));
  };
  return {
      {"name", variants.name(variant)},
      {"share", variants.share(variant)},
      {"model", in_use.name},
      {"generation", in_use.generation},
      {"items", in_use.model->size()},
      {"live_items", in_use.model->live_items()},
      {"requests", counts.latency.count()},
      {"latency_ms",
       {{"p50", 1e3 * counts.latency.quantile(0.5)}, {"p99", 1e3 * counts.latency.quantile(0.99)}}},
      {"lists", counts.lists},
      {"empty_lists", counts.empty},
      {"fallbacks", counts.fallbacks},
      {"new_items", share(counts.new_places, counts.places)},
      {"coverage", share(counts.distinct, in_use.model->size())},
      {"shown", counts.shown},
      {"click_through", share_json("lists", counts.clicked, counts.shown)},
      {"conversion", share_json("lists", counts.converted, counts.shown)},
      {"watched_events", counts.watched},
      {"hr_10", share_json("hits", counts.hits, counts.watched)}};
}

}  // namespace

std::optional<std::string> attributed_variant(const Call& call, const Attribution& attribution) {
  if (attribution.request.empty()) return std::nullopt;
  if (!attribution.variant.empty()) call.variant_of(attribution.variant);
  const auto remembered = call.service.feedback().variant_of(attribution.request);
  if (!remembered && attribution.variant.empty()) return std::nullopt;
  if (remembered && !attribution.variant.empty() && *remembered != attribution.variant) {
    throw Refusal(422, "another_variant",
                  fmt::format("request '{}' was answered by variant '{}'",
                              printable(attribution.request), *remembered));
  }
  return remembered ? *remembered : attribution.variant;
}

Attribution attribution_of(const Body& body) {
  return {std::string(body.text("request_id").value_or("")),
          std::string(body.text("variant").value_or(""))};
}

Task<bool> keep_feedback(const Call& call, StoredFeedback feedback) {
  feedback.time = milliseconds_now();
  if (feedback.items.size() > Feedback::kMostItems) feedback.items.resize(Feedback::kMostItems);
  Task<bool> kept = call.service.store().add_feedback_async(feedback);
  co_await call.from_store(std::move(kept));
  call.service.feedback().take(feedback);
  co_return true;
}

Task<Response> note_impression(Call& call) {
  const Body body = call.body();
  const Attribution attribution = attribution_of(body);
  const std::vector<std::string> items = body.ids("items").value();
  if (attribution.request.empty()) throw Refusal(400, "invalid_request", "'request_id' is empty");
  if (items.empty()) throw Refusal(400, "invalid_request", "'items' is empty: name what was shown");
  const auto variant = attributed_variant(call, attribution);
  if (!variant) {
    throw Refusal(
        404, "unknown_request",
        fmt::format("no list of request '{}' is remembered here; give its 'variant' as well, "
                    "from the answer's header Tessera-Variant",
                    printable(attribution.request)));
  }
  StoredFeedback feedback = {.request = attribution.request,
                             .variant = *variant,
                             .kind = std::string(StoredFeedback::kShown),
                             .items = items};
  Task<bool> keeping = keep_feedback(call, std::move(feedback));
  co_await std::move(keeping);
  co_return reply({{"request_id", attribution.request}, {"variant", *variant}});
}

Response list_variants(Call& call) {
  AnswerJson variants = AnswerJson::array();
  for (std::size_t i = 0; i < call.service.variants().size(); ++i) {
    variants.push_back(variant_json(call.service, call.service.feedback(), i));
  }
  return reply({{"variants", std::move(variants)}});
}

}  // namespace tessera
