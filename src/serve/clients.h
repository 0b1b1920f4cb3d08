#pragma once
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tessera {

/// How many connections there are, in all and of each client. May be used by several threads at
/// once.
class Clients {
 public:
  /// `unbounded`: names of those for whom only `most` counts: this machine, and proxies that speak
  /// for many.
  Clients(std::size_t most, std::size_t most_of_one, std::vector<std::string> unbounded)
      : most_(most), most_of_one_(most_of_one), unbounded_(std::move(unbounded)) {}

  /// A connection's place, for as long as this lives.
  class Place {
   public:
    Place(Place&& other) noexcept
        : clients_(std::exchange(other.clients_, nullptr)), client_(std::move(other.client_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (clients_ != nullptr) clients_->leave(client_);
    }

   private:
    friend class Clients;
    Place(Clients& clients, std::string client) : clients_(&clients), client_(std::move(client)) {}
    Clients* clients_;
    std::string client_;
  };
  /// Nothing if there is no place for one more of this client.
  std::optional<Place> enter(const std::string& client);

 private:
  void leave(const std::string& client);

  const std::size_t most_, most_of_one_;
  const std::vector<std::string> unbounded_;
  std::mutex mutex_;  // guards what follows
  std::size_t connections_ = 0;
  std::unordered_map<std::string, std::size_t> of_client_;
};

/// Whether it is an IP address.
bool is_address(const std::string& text);
/// Whom an address counts for: itself, or in version 6 its network of 64 bits, which one client has
/// as a whole. What is no address is returned as it is.
std::string client_of(const std::string& address);

}  // namespace tessera
