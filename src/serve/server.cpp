#include "serve/server.h"

#include <atomic>
#include <csignal>
#include <thread>

#include "base/error.h"
#include "base/held_signals.h"
#include "base/parallel.h"
#include "serve/certificate.h"
#include "serve/connections.h"
#include "serve/ends.h"

// NOLINTBEGIN(bugprone-unused-return-value): Asio also returns the error that it puts into its
// argument.
namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = ServerOptions::Milliseconds;

constexpr Milliseconds kWithoutDescriptors{100};
constexpr Milliseconds kLook{20};     // for what changes without a sign
constexpr Milliseconds kExpiry{100};  // how late a connection may be found to have expired
constexpr Milliseconds kGrace{1500};  // for work under way when the time for requests is over

}  // namespace

struct Server::State {
  State(ServerOptions server_options, Service& of, const Log& log)
      : options(std::move(server_options)), service(of), access_log(log) {
    connections.emplace(options, service, access_log, answering);
  }

  void bind();
  void load_certificate();
  std::shared_ptr<asio::ssl::context> tls_in_use() const;
  asio::awaitable<void> accept(Loop& loop);
  static asio::awaitable<void> expire(Loop& loop);
  void drain(Loop& loop);
  asio::awaitable<void> end();
  asio::awaitable<void> await_signals();
  void reread();

  const ServerOptions options;
  Service& service;
  const Log& access_log;
  mutable std::mutex tls_mutex;  // guards tls, which SIGHUP replaces
  std::shared_ptr<asio::ssl::context> tls;
  Clients clients{options.max_connections, options.max_of_client, options.unbounded};
  asio::io_context control{1};  // signals and the end
  asio::signal_set signals{control};
  std::atomic<bool> ending = false;
  std::uint16_t port = 0;
  std::optional<Connections> connections;
  std::vector<std::unique_ptr<Loop>> loops;  // their coroutines use all of the above
  Answering answering{options, service};     // its work uses the loops' contexts
};

void Server::State::load_certificate() {
  if (options.certificate.empty() != options.key.empty()) {
    fail_usage("TLS needs both a certificate and a key");
  }
  if (options.certificate.empty()) return;
  check_certificate(options.certificate, options.key);
  auto fresh = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  fresh->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
  error_code error;
  fresh->use_certificate_chain_file(options.certificate.string(), error);
  if (error) {
    fail("{}: cannot use the certificate: {}", options.certificate.string(), error.message());
  }
  fresh->use_private_key_file(options.key.string(), asio::ssl::context::pem, error);
  if (error) fail("{}: cannot use the key: {}", options.key.string(), error.message());
  const std::lock_guard lock(tls_mutex);
  tls = std::move(fresh);
}

std::shared_ptr<asio::ssl::context> Server::State::tls_in_use() const {
  const std::lock_guard lock(tls_mutex);
  return tls;
}

void Server::State::bind() {
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) fail_usage("'{}' is not an IP address", options.address);
  tcp::endpoint endpoint(address, options.port);
  const auto check = [&](const char* step) {
    if (!error) return;
    fail("cannot {} {}:{}: {}", step, options.address, endpoint.port(), error.message());
  };
  const auto open = [&](tcp::acceptor& acceptor) {
    acceptor.open(endpoint.protocol(), error);
    check("open a socket for");
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  };
  // Sharing the port among the threads would share it with another server, too: see first that
  // there is none.
  {
    tcp::acceptor probe(control);
    open(probe);
    probe.bind(endpoint, error);
    check("bind to");
    endpoint.port(probe.local_endpoint().port());
  }
  for (std::size_t i = 0; i < options.threads; ++i) {
    loops.push_back(std::make_unique<Loop>());
    tcp::acceptor& acceptor = loops.back()->acceptor;
    open(acceptor);
    using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    acceptor.set_option(ReusePort(true), error);
    check("share");
    acceptor.bind(endpoint, error);
    check("bind to");
    acceptor.listen(asio::socket_base::max_listen_connections, error);
    check("listen on");
  }
  port = endpoint.port();
}

asio::awaitable<void> Server::State::accept(Loop& loop) {
  for (;;) {
    error_code error;
    tcp::socket socket = co_await loop.acceptor.async_accept(into(error));
    if (!loop.acceptor.is_open()) co_return;
    if (error) {
      // Mostly because there are no descriptors left: some may be free soon.
      asio::steady_timer timer(loop.context, kWithoutDescriptors);
      co_await timer.async_wait(into(error));
      continue;
    }
    auto place = clients.enter(client_of(ends_of(socket).client));
    if (!place) {
      service.metrics().count_refused_connection();
      continue;  // closes it
    }
    socket.set_option(tcp::no_delay(true), error);
    asio::co_spawn(loop.context,
                   connections->serve(loop, std::move(socket), std::move(*place), tls_in_use()),
                   asio::detached);
  }
}

/// Ends what connections wait for in vain, for as long as there are any or may be.
asio::awaitable<void> Server::State::expire(Loop& loop) {
  asio::steady_timer timer(loop.context);
  while (loop.acceptor.is_open() || !loop.connections.empty()) {
    error_code error;
    timer.expires_after(kExpiry);
    co_await timer.async_wait(into(error));
    const Clock::time_point now = Clock::now();
    for (Wire* wire : loop.connections) {
      if (wire->expired(now)) wire->cancel();
    }
  }
}

void Server::State::drain(Loop& loop) {
  loop.draining = true;
  for (Wire* wire : loop.connections) {
    if (wire->waiting) wire->cancel();
  }
}

/// From the wish to end to the end of the last connection, or of the time for that.
asio::awaitable<void> Server::State::end() {
  const Clock::time_point deadline = Clock::now() + options.drain_timeout;
  const Clock::time_point announced = Clock::now() + service.announcement();
  service.drain();
  for (auto& loop : loops) {
    asio::post(loop->context, [this, &loop = *loop] { drain(loop); });
  }
  error_code error;
  asio::steady_timer timer(control);
  while (Clock::now() < announced && service.announcement().count() > 0) {
    timer.expires_after(kLook);
    co_await timer.async_wait(into(error));
  }
  for (auto& loop : loops) {
    asio::post(loop->context, [this, &loop = *loop] {
      error_code ignored;
      loop.acceptor.close(ignored);
      drain(loop);
    });
  }
  timer.expires_at(deadline);
  co_await timer.async_wait(into(error));
  for (auto& loop : loops) loop->context.stop();
}

asio::awaitable<void> Server::State::await_signals() {
  for (;;) {
    error_code error;
    const int signal = co_await signals.async_wait(into(error));
    if (error) co_return;
    if (signal == SIGHUP) {
      reread();
      continue;
    }
    if (!ending.exchange(true)) asio::co_spawn(control, end(), asio::detached);
    signals.remove(SIGTERM);  // a second one ends the process
    signals.remove(SIGINT);
  }
}

void Server::State::reread() {
  access_log.reopen();
  try {
    load_certificate();
  } catch (const Error& error) {
    service.log().event("certificate_not_reread", error.what());
  }
  service.reread_tokens();
  service.start_reload(true);
}

Server::Server(ServerOptions options, Service& service, const Log& access_log)
    : state_(new State(std::move(options), service, access_log)) {
  state_->load_certificate();
  state_->bind();
  service.metrics().watch(access_log);
}

Server::~Server() = default;

std::uint16_t Server::port() const { return state_->port; }

void Server::stop() {
  if (state_->ending.exchange(true)) return;
  asio::post(state_->control, [state = state_.get()] {
    asio::co_spawn(state->control, state->end(), asio::detached);
  });
}

void Server::reread() { state_->reread(); }

bool Server::run(bool on_signals) {
  State& state = *state_;
  if (on_signals) {
    sigset_t held;  // whatever came since the process started
    sigemptyset(&held);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      state.signals.add(signal);
      sigaddset(&held, signal);
    }
    asio::co_spawn(state.control, state.await_signals(), asio::detached);
    ::pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
  }
  auto control_work = asio::make_work_guard(state.control);
  std::vector<std::thread> serving;
  for (auto& loop : state.loops) {
    asio::co_spawn(loop->context, state.accept(*loop), asio::detached);
    asio::co_spawn(loop->context, State::expire(*loop), asio::detached);
    serving.emplace_back([&context = loop->context] {
      const HeldSignals held;  // for good: a product then asks nobody
      work_alone();
      context.run();
    });
  }
  std::thread controlling([&] { state.control.run(); });
  for (std::thread& thread : serving) thread.join();  // each ends when it has nothing left to do
  asio::post(state.control, [&] { state.control.stop(); });
  controlling.join();
  const Clock::time_point end = Clock::now() + kGrace;
  const bool loaded = state.service.idle_by(end);
  return state.answering.stop(end) && loaded;
}

}  // namespace tessera
// NOLINTEND(bugprone-unused-return-value)
