#pragma once
#include "cli/shop.h"
#include "serve/connection.h"

namespace tessera::testing {

/// A test of `tessera serve` as a process.
class Serve : public CommandTest {
 protected:
  /// Starts `tessera serve` on a free port and waits until it is ready.
  void start(const std::string& more = "", const std::string& model = shop().model) {
    listen(more, model);
    ASSERT_TRUE(eventually([&] { return ask("GET", "/readyz").status == 200; }));
  }
  /// The same, without waiting for the model.
  void listen(const std::string& more = "", const std::string& model = shop().model) {
    out_ = path("out" + std::to_string(++starts_));
    process_ = std::make_unique<Process>(
        tessera_command("serve --listen 127.0.0.1:0 --model " + model + " " + more), out_);
    ASSERT_TRUE(eventually([&] { return content_of(out_).ends_with('\n'); }));
    const std::string line = content_of(out_);
    ASSERT_TRUE(line.starts_with("listening on http://127.0.0.1:")) << line;
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  }
  Finished end(int signal) {
    process_->signal(signal);
    const Finished finished = process_->wait();
    process_.reset();
    return finished;
  }
  Answer ask(std::string_view method, std::string_view target, std::string_view body = "",
             std::string_view headers = "") const {
    Connection connection(port_);
    return connection.request(method, target, body, headers);
  }

  std::string out_;
  int starts_ = 0;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

}  // namespace tessera::testing
