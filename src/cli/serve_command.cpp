#include <arpa/inet.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/folders.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/option_sources.h"
#include "serve/clients.h"
#include "serve/probe.h"
#include "serve/server.h"
#include "serve/service.h"
#include "store/redis_store.h"

namespace tessera {
namespace {

struct ServeArguments {
  std::vector<std::string> models, conversions = {"purchase"};
  std::string split, salt = "tessera";
  std::string listen = "127.0.0.1:8080", state, sync = "always", token_file, backups,
              access_log = "-", request_log;
  std::size_t history_limit = StoreOptions{}.history_limit;
  std::size_t feedback_limit = StoreOptions{}.feedback_limit;
  bool without_tokens = false;
  std::size_t idle_seconds = 75;
  std::size_t of_client = 0;
  std::vector<std::string> hosts, proxies, origins;
  std::string config;
  bool print_config = false, probe = false;
  ServerOptions server;
};

bool is_address(const std::string& text) {
  in6_addr bytes{};
  return ::inet_pton(AF_INET, text.c_str(), &bytes) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &bytes) == 1;
}

void split_listen(const std::string& listen, ServerOptions& options) {
  const std::size_t colon = listen.rfind(':');
  const char* end = listen.data() + listen.size();
  unsigned port = 0;
  if (colon != std::string::npos) {
    const auto [at, error] = std::from_chars(listen.data() + colon + 1, end, port);
    if (error == std::errc() && at == end && port <= 65535) {
      options.address = listen.substr(0, colon);
      if (options.address.starts_with('[') && options.address.ends_with(']')) {
        options.address = options.address.substr(1, options.address.size() - 2);
      }
      if (options.address == "localhost") options.address = "127.0.0.1";
      if (!is_address(options.address)) {
        fail_usage("--listen '{}': '{}' is no IP address; names belong to --host", listen,
                   options.address);
      }
      options.port = static_cast<std::uint16_t>(port);
      return;
    }
  }
  fail_usage("--listen '{}': write it as ADDRESS:PORT, such as localhost:8080 or [::1]:8080",
             listen);
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

// As many descriptors as the process may have: each connection needs one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string url_of(const ServerOptions& options, std::uint16_t port) {
  const bool v6 = options.address.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", options.certificate.empty() ? "http" : "https",
                     v6 ? "[" : "", options.address, v6 ? "]" : "", port);
}

void print_notes(const ServeArguments& arguments) {
  if (arguments.state.empty()) {
    fmt::print(stderr, "note: without --state, histories and items end with this process\n");
  }
  if (arguments.hosts.empty() && !is_loopback(arguments.server.address)) {
    fmt::print(stderr,
               "note: whoever asks by a name is refused (421): give --host NAME for each name of "
               "this service\n");
  }
}

void check_origins(const std::vector<std::string>& origins) {
  for (const std::string& origin : origins) {
    const std::size_t scheme = origin.find("://");
    const bool whole = scheme != std::string::npos && origin.find('/', scheme + 3) == origin.npos &&
                       origin.size() > scheme + 3;
    if (whole || origin == "*") continue;
    fail_usage("--cors '{}': write an origin as https://shop.example, without a path, or *",
               origin);
  }
}

void ask_whether_ready(ServeArguments arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // whoever answers may end first
  split_listen(arguments.listen, arguments.server);
  probe(arguments.server);
}

/// The models with their shares; what is certainly no bundle is refused before the port opens.
std::vector<VariantOptions> read_models(const ServeArguments& arguments) {
  std::vector<VariantOptions> models;
  for (const std::string& text : arguments.models) models.push_back(variant_from_text(text));
  if (!arguments.split.empty()) set_shares(models, arguments.split);
  for (const VariantOptions& model : models) read_json(model.bundle / "config.json");
  return models;
}

/// A signal that comes before it is waited for must not end the process.
void hold_back_sighup() {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
}

/// Threads share two heaps, so that a reload's memory is given back or used again.
void bound_memory() { ::mallopt(M_ARENA_MAX, 2); }

void serve(ServeArguments arguments) {
  hold_back_sighup();
  bound_memory();
  ServerOptions& server_options = arguments.server;
  split_listen(arguments.listen, server_options);
  if (arguments.token_file.empty() && !arguments.without_tokens &&
      !is_loopback(server_options.address)) {
    fail_usage(
        "--listen {}: others than this machine could write: give --token-file, or --without-tokens "
        "if something else keeps them out",
        arguments.listen);
  }
  server_options.threads = static_cast<std::size_t>(thread_count());
  server_options.compute_threads = server_options.threads;
  // Nobody waits with a thread for a server that may be far.
  if (is_redis(arguments.state)) server_options.store_threads = server_options.threads;
  if (arguments.of_client == 0) arguments.of_client = (server_options.max_connections + 3) / 4;
  server_options.max_of_client = arguments.of_client;
  for (const std::string& proxy : arguments.proxies) {
    if (!is_address(proxy)) fail_usage("--proxy '{}': is no address such as 10.0.0.7", proxy);
    server_options.unbounded.push_back(client_of(proxy));
  }
  server_options.idle_timeout = std::chrono::seconds(arguments.idle_seconds);
  StoreOptions store_options;
  store_options.history_limit = arguments.history_limit;
  store_options.feedback_limit = arguments.feedback_limit;
  set_sync(store_options, arguments.sync);
  ::umask(0077);                  // histories are nobody else's business
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may end first
  raise_descriptor_limit();

  const Log events;
  std::optional<Log> requests;
  if (!arguments.request_log.empty()) {
    requests.emplace(arguments.request_log);
    fs::permissions(arguments.request_log, fs::perms::owner_read | fs::perms::owner_write);
    server_options.request_log = &*requests;
  }
  std::optional<Log> file;
  if (arguments.access_log != "-") {
    file.emplace(arguments.access_log == "none" ? fs::path() : fs::path(arguments.access_log));
  }
  std::vector<VariantOptions> models = read_models(arguments);
  if (!arguments.backups.empty()) check_folder(arguments.backups, Folder::backups);
  const std::unique_ptr<Store> store = open_store(arguments.state, store_options);
  if (store->clock_behind() > std::chrono::minutes(1)) {
    fmt::print(stderr,
               "note: the clock stands {} before events that were received earlier: it went back, "
               "or was ahead. They are received as of then until it is over\n",
               format_duration(std::chrono::duration<double>(store->clock_behind()).count()));
  }
  Service service({.models = std::move(models),
                   .token_file = arguments.token_file,
                   .backups = arguments.backups,
                   .hosts = HostNames(arguments.hosts),
                   .origins = arguments.origins,
                   .load_later = true,
                   .salt = arguments.salt,
                   .conversions = arguments.conversions},
                  *store, events);
  Server server(server_options, service, file ? *file : events);
  print_notes(arguments);
  fmt::print("listening on {}\n", url_of(server_options, server.port()));
  std::fflush(stdout);
  service.start([&] { server.stop(); });
  if (!server.run(true)) {
    // Nothing is lost: what was acknowledged is in the store.
    events.event("ended", "work that was under way is left undone");
    events.flush();
    std::_Exit(service.generation() > 0 ? 0 : 1);
  }
  if (service.generation() == 0 && !service.load_error().empty()) fail("{}", service.load_error());
}

}  // namespace

void add_serve(CLI::App& app) {
  auto arguments = std::make_shared<ServeArguments>();
  ServerOptions& server = arguments->server;
  CLI::App* command = app.add_subcommand("serve", "Recommend over HTTP, and take events and items");
  command->add_option("--model", arguments->models,
                      "Model bundle (must be given); NAME=DIR several times serves variants");
  const CLI::Option* split = command->add_option(
      "--split", arguments->split, "Shares of users, as a=90,b=10 (default: all variants alike)");
  command
      ->add_option("--salt", arguments->salt,
                   "Another text deals the users out to the variants anew")
      ->capture_default_str();
  command
      ->add_option("--conversion", arguments->conversions,
                   "Kind of events that counts as a conversion; may be given several times")
      ->capture_default_str();
  command->add_option("--listen", arguments->listen, "ADDRESS:PORT; port 0 takes a free one")
      ->capture_default_str();
  command->add_option("--state", arguments->state,
                      "Where histories and items are kept: a directory, redis://HOST:PORT, "
                      "redis-sentinel://HOST,HOST/MASTER, redis-cluster://HOST,HOST, or each of "
                      "these by TLS, as rediss://HOST:PORT (default: in memory)");
  const CLI::Option* sync =
      command
          ->add_option("--sync", arguments->sync,
                       "When a write must be on the disk: always, none, or an interval such as "
                       "250ms")
          ->capture_default_str();
  command
      ->add_option("--history-limit", arguments->history_limit, "Latest events kept of each user")
      ->check(count_from(1))
      ->capture_default_str();
  command
      ->add_option("--feedback-limit", arguments->feedback_limit,
                   "Latest impressions and events that followed from lists, kept in all")
      ->check(count_from(1))
      ->capture_default_str();
  const CLI::Option* backups =
      command->add_option("--backups", arguments->backups,
                          "Directory for POST /v1/admin/backup: the latest three are kept");
  command->add_option("--token-file", arguments->token_file,
                      "Bearer tokens: lines 'read TOKEN', 'write TOKEN', 'admin TOKEN'");
  command->add_option(
      "--cors", arguments->origins,
      "Origin of pages elsewhere that may read, such as https://shop.example, or *; "
      "may be given several times");
  command->add_flag("--without-tokens", arguments->without_tokens,
                    "Listen beyond this machine without tokens");
  command->add_option("--host", arguments->hosts,
                      "A name by which clients ask for the service, beside localhost and the "
                      "addresses it listens on; may be given several times");
  command->add_option("--certificate", server.certificate, "PEM file: serve by TLS");
  command->add_option("--key", server.key, "PEM file of the certificate's key");
  command
      ->add_option("--access-log", arguments->access_log,
                   "File for a JSON line a request; - for standard error, or none")
      ->capture_default_str();
  command->add_option(
      "--request-log", arguments->request_log,
      "File for a JSON line with the body of each request, which bench/replay sends "
      "again; it names users and what they did");
  command->add_option("--max-connections", server.max_connections, "Connections at a time")
      ->check(count_from(1))
      ->capture_default_str();
  command
      ->add_option("--client-connections", arguments->of_client,
                   "Of these, from one address or IPv6 network of 64 bits (default: a quarter); "
                   "this machine may have all")
      ->check(count_from(1));
  command->add_option(
      "--proxy", arguments->proxies,
      "Address of a proxy that speaks for many, and may have all; may be given several "
      "times");
  command
      ->add_option("--idle-timeout", arguments->idle_seconds,
                   "Seconds a connection may wait between requests")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_option("--config", arguments->config,
                      "Settings file: NAME = VALUE a line, for every option here (or the variable "
                      "TESSERA_CONFIG)");
  command->add_flag("--print-config", arguments->print_config,
                    "Print what all options come to as a settings file, and end");
  command->add_flag("--probe", arguments->probe,
                    "Ask the service that listens as these options say whether it is ready, and "
                    "end: exit status 0 if so");
  command->footer(
      "An option that is left out is read from the environment (--max-connections from "
      "TESSERA_MAX_CONNECTIONS),\nand then from the settings file.\n"
      "GET /openapi.json describes the API, / is a console. SIGTERM answers what is under way and\n"
      "ends; SIGHUP loads bundle, tokens and certificate anew while requests run, and opens the "
      "access\n"
      "log again.\n"
      "Examples:\n  tessera serve --model shop-model --state shop-state\n"
      "  tessera serve --model shop-model --state shop-state --listen 0.0.0.0:8443 \\\n"
      "      --host shop.example --token-file tokens --certificate cert.pem --key key.pem\n"
      "  tessera serve --model a=shop-model --model b=next-model --split a=90,b=10 --state "
      "shop-state\n"
      "  curl -d '{\"history\": [\"S000012\"], \"k\": 5, \"titles\": true}' "
      "http://127.0.0.1:8080/v1/recommend");
  command->callback([arguments, command, sync, backups, split] {
    const char* variable = std::getenv("TESSERA_CONFIG");
    if (arguments->config.empty() && variable != nullptr) arguments->config = variable;
    read_other_sources(*command, arguments->config);
    if (arguments->print_config) {
      fmt::print("{}", settings_text(*command));
      return;
    }
    if (arguments->probe) return ask_whether_ready(*arguments);
    if (arguments->models.empty()) fail_usage("--model is required: the directory of a bundle");
    check_belongs(split, arguments->models.size() > 1, "several --model");
    check_origins(arguments->origins);
    const bool kept = !arguments->state.empty() && !is_redis(arguments->state);
    check_belongs(sync, kept, "--state DIRECTORY");
    check_belongs(backups, kept, "--state DIRECTORY");
    if (arguments->without_tokens && !arguments->token_file.empty()) {
      fail_usage("--without-tokens and --token-file contradict each other: give one of them");
    }
    serve(*arguments);
  });
}

}  // namespace tessera
