#include "base/error.h"
#include "base/folders.h"
#include "data/embed.h"
#include "data/prepare_options.h"
#include "data/simulate.h"
#include "engine.h"
#include "eval/report.h"

namespace tessera::python {
namespace {

template <class Take>
nb::list item_texts(const Dataset& data, const Take& take) {
  nb::list texts;
  for (const CatalogueItem& item : data.items) texts.append(text_of(take(item)));
  return texts;
}

// Makes a dataset directory and returns what the command prints for programs, as JSON.
std::string make_dataset(const PrepareRequest& request, const fs::path& out, nb::handle events,
                         nb::handle items) {
  PrepareRequest wanted = request;
  if (!events.is_none()) wanted.options.event_table = table_of(events, "interactions");
  if (!items.is_none()) wanted.options.item_table = table_of(items, "items");
  Listener listener;
  nlohmann::json summary;
  {
    const nb::gil_scoped_release release;
    PrepareOptions options = options_of(wanted);
    check_folder(out, Folder::dataset);
    wanted = {};
    struct Interrupted {};
    options.watcher = [&](std::uint64_t, std::uint64_t) {
      if (listener.interrupted()) throw Interrupted();
    };
    try {
      PrepareReport report;
      const Dataset data = prepare(options, report);
      summary = summarise(data, report);
      write_dataset(out, data, dump_json(summary, 2) + "\n");
    } catch (const Interrupted&) {
      // Nothing was written; what interrupted is raised below.
    }
  }
  listener.rethrow();
  return dump_json(summary);
}

// The value of an option, from Python; None of its values fits: TypeError.
template <class T>
void take(T& value, nb::handle given) {
  try {
    value = nb::cast<T>(given);
  } catch (const nb::cast_error&) {
    throw nb::type_error("of another type");
  }
}

// A property for each option, and their table: (keyword, default, sentence).
void bind_request(nb::module_& module) {
  nb::class_<PrepareRequest> request(module, "PrepareRequest", "What is asked of prepare.");
  request.def(nb::init<>());
  nb::list table;
  PrepareRequest defaults;
  const auto get = [](const PrepareOption& row, PrepareRequest& from) {
    return std::visit([](const auto* value) { return nb::cast(*value); }, row.value(from));
  };
  for (const PrepareOption& row : prepare_options()) {
    request.def_prop_rw(
        row.keyword().c_str(), [&row, get](PrepareRequest& self) { return get(row, self); },
        [&row](PrepareRequest& self, nb::handle given) {
          std::visit([&](auto* value) { take(*value, given); }, row.value(self));
        });
    table.append(nb::make_tuple(row.keyword(), get(row, defaults), row.help, row.choices));
  }
  module.attr("prepare_options") = table;
}

std::size_t count_of(const char* name, std::int64_t value, std::int64_t least) {
  if (value < least || value > std::numeric_limits<std::int32_t>::max()) {
    fail_usage("{} = {}: it must be from {} to 2147483647", name, value, least);
  }
  return static_cast<std::size_t>(value);
}

nb::tuple report_of(const EmbedReport& report) {
  return nb::make_tuple(report.items, report.dims, report.zero_rows);
}

nb::tuple embed_text(const fs::path& directory, const std::string& encoder, std::int64_t dims,
                     std::int64_t min_df, std::int64_t max_terms, std::uint64_t seed, int threads) {
  TfidfOptions options;
  options.dims = count_of("dims", dims, 1);
  options.min_df = count_of("min_df", min_df, 1);
  options.max_terms = count_of("max_terms", max_terms, 1);
  options.seed = seed;
  EmbedReport report;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    if (encoder == "tfidf-svd") {
      report = embed_by_text(directory, options);
    } else if (fs::is_directory(encoder)) {
      report = embed_by_folder(directory, encoder);
    } else {
      fail_usage("encoder '{}': neither tfidf-svd nor the folder of a sentence encoder", encoder);
    }
  }
  return report_of(report);
}

nb::tuple embed_by(const fs::path& directory, const fs::path& from, int threads) {
  EmbedReport report;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    report = embed_as(directory, from);
  }
  return report_of(report);
}

nb::tuple embed_array(const fs::path& directory, const Floats& rows,
                      const std::optional<std::vector<std::string>>& ids) {
  EmbedReport report;
  {
    const nb::gil_scoped_release release;
    report = embed_vectors(directory, {rows.data(), rows.shape(0), rows.shape(1)}, ids);
  }
  return report_of(report);
}

void bind_dataset(nb::module_& module) {
  nb::class_<Dataset>(module, "Dataset", "A dataset in memory, to look at.")
      .def_ro("name", &Dataset::name)
      .def_ro("simulated", &Dataset::simulated)
      .def_prop_ro("fingerprint", [](const Dataset& data) { return fingerprint(data); })
      .def_prop_ro("user_ids", [](const Dataset& data) { return texts_of(data.user_ids); })
      .def_prop_ro("item_ids",
                   [](const Dataset& data) {
                     return item_texts(data, [](const auto& item) { return item.id; });
                   })
      .def_prop_ro("titles",
                   [](const Dataset& data) {
                     return item_texts(data, [](const auto& item) { return item.title; });
                   })
      .def_prop_ro("texts",
                   [](const Dataset& data) {
                     return item_texts(data, [](const auto& item) { return item.text; });
                   })
      .def_prop_ro("offsets",
                   [](nb::handle self) {
                     return array_view<std::int64_t>(nb::cast<Dataset&>(self).offsets, self);
                   })
      .def_prop_ro("events",
                   [](nb::handle self) {
                     return array_view<std::int32_t>(nb::cast<Dataset&>(self).events, self);
                   })
      .def_prop_ro("times",
                   [](nb::handle self) {
                     return array_view<std::int64_t>(nb::cast<Dataset&>(self).times, self);
                   })
      .def_prop_ro(
          "weights",
          [](nb::handle self) { return array_view<float>(nb::cast<Dataset&>(self).weights, self); })
      // (users, how many events stand before the target, targets), all by numbers.
      .def(
          "held_out",
          [](const Dataset& data, const std::string& split) {
            const Split wanted = split_of(split);
            std::vector<std::int32_t> users = evaluated_users(data, wanted), targets;
            std::vector<std::int64_t> lengths;
            for (const std::int32_t user : users) {
              const auto number = static_cast<std::size_t>(user);
              lengths.push_back(
                  static_cast<std::int64_t>(history_before(data, number, wanted).size()));
              targets.push_back(target_of(data, number, wanted));
            }
            const std::size_t count = users.size();
            return nb::make_tuple(array_of(std::move(users), count),
                                  array_of(std::move(lengths), count),
                                  array_of(std::move(targets), count));
          },
          "split"_a);
}

}  // namespace

void bind_data(nb::module_& module) {
  bind_request(module);
  bind_dataset(module);
  module.def("prepare", &make_dataset, "request"_a, "out"_a, "events"_a.none(), "items"_a.none());
  module.def("read_dataset", &read_dataset, "directory"_a,
             nb::call_guard<nb::gil_scoped_release>());
  module.def(
      "simulate",
      [](const fs::path& out, std::int64_t users, std::int64_t items, double mean_events,
         std::uint64_t seed) {
        const SimulationOptions options{.users = count_of("users", users, 1),
                                        .items = count_of("items", items, 1),
                                        .seed = seed,
                                        .mean_events = mean_events};
        const nb::gil_scoped_release release;
        write_dataset(out, simulate_shop(options));
      },
      "out"_a, "users"_a, "items"_a, "mean_events"_a, "seed"_a);
  module.def("embed_text", &embed_text, "directory"_a, "encoder"_a, "dims"_a, "min_df"_a,
             "max_terms"_a, "seed"_a, "threads"_a);
  module.def("embed_as", &embed_by, "directory"_a, "bundle"_a, "threads"_a);
  module.def("embed_array", &embed_array, "directory"_a, "rows"_a, "ids"_a.none());
}

}  // namespace tessera::python
