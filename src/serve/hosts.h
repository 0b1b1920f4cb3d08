#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// The name in the value of a Host header, "NAME", "NAME:PORT", "[v6]" or "[v6]:PORT": in lower
/// case, without brackets, port and a final dot. Nothing if it is not of this form.
std::optional<std::string> host_name(std::string_view value);

/// What the service is called. A page can give its own name the address of this machine, and the
/// reader's browser then takes the service for the page's own (DNS rebinding): whoever asks for
/// another name is not meant to be here.
class HostNames {
 public:
  /// The names of the loopback alone.
  HostNames() = default;
  /// And these names or addresses, without ports. Throws UsageError for what is none.
  explicit HostNames(const std::vector<std::string>& more);

  /// Whether the value of a Host header names this service. The address that the connection came
  /// in at (`own_address`, may be empty) does, too: no page can have an address for its name.
  bool know(std::string_view host, std::string_view own_address) const;

 private:
  std::vector<std::string> more_;
};

}  // namespace tessera
