#include "store/redis_servers.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/numbers.h"
#include "base/texts.h"

namespace tessera {
namespace {

constexpr std::string_view kOne = "";  // the key of the one server among the nodes
constexpr int kMostSteps = 8;          // of a command through a cluster that changes
constexpr std::chrono::milliseconds kBetweenRefreshes{50};

std::string name_of(const RedisHost& host) { return fmt::format("{}:{}", host.host, host.port); }

std::uint16_t crc16(std::string_view text) {
  std::uint16_t crc = 0;
  for (const char c : text) {
    crc = static_cast<std::uint16_t>(crc ^ (static_cast<unsigned char>(c) << 8));
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<std::uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

/// A key of the command, which says where it goes; commands without one go anywhere.
std::string_view key_of(const RedisWords& command) {
  const bool script = command[0].starts_with("EVAL");
  const std::size_t place = script ? 3 : 1;
  return place < command.size() ? command[place] : std::string_view();
}

}  // namespace

RedisScript::RedisScript(std::string_view lua) : text(lua) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  for (const unsigned char byte : digest) name += fmt::format("{:02x}", byte);
}

std::size_t redis_slot(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != key.npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kRedisSlots;
}

RedisServers::RedisServers(RedisAddress address, std::chrono::milliseconds timeout)
    : address_(std::move(address)), name_(address_.name()), timeout_(timeout) {
  if (!is_cluster()) {
    nodes_.emplace(kOne, std::make_unique<RedisPipeline>(address_, timeout));
    return;
  }
  by_slot_.resize(kRedisSlots);
  for (const RedisHost& host : address_.hosts) node_at(host);
  if (!wait(refresh(nullptr))) fail("{}: no node of a cluster answers: {}", name_, *error_);
}

RedisServers::~RedisServers() {
  // All are closed before one is gone: a task that fails at one may turn to another.
  for (auto& [host, node] : nodes_) node->close();
}

RedisPipeline& RedisServers::node_at(const RedisHost& host) const {
  const std::lock_guard lock(mutex_);
  auto& node = nodes_[name_of(host)];
  if (!node) node = std::make_unique<RedisPipeline>(address_.at(host), timeout_);
  return *node;
}

RedisPipeline& RedisServers::node_of(std::size_t slot) const {
  const std::lock_guard lock(mutex_);
  RedisPipeline* const node = by_slot_[slot];
  if (node == nullptr) fail("{}: no node of the cluster has slot {}", name_, slot);
  return *node;
}

std::vector<RedisPipeline*> RedisServers::all_nodes() const {
  std::vector<RedisPipeline*> all;
  const std::lock_guard lock(mutex_);
  for (auto& [host, node] : nodes_) all.push_back(node.get());
  return all;
}

bool RedisServers::may_refresh() const {
  const std::lock_guard lock(mutex_);
  if (Clock::now() - refreshed_ < kBetweenRefreshes) return false;
  refreshed_ = Clock::now();
  return true;
}

std::vector<std::string> RedisServers::masters() const {
  if (!is_cluster()) return {std::string(kOne)};
  std::vector<std::string> masters;
  const std::lock_guard lock(mutex_);
  for (const RedisPipeline* node : by_slot_) {
    const auto same = [&](const auto& one) { return one.second.get() == node; };
    const auto found = std::ranges::find_if(nodes_, same);
    if (found == nodes_.end()) continue;
    if (std::ranges::find(masters, found->first) == masters.end()) {
      masters.push_back(found->first);
    }
  }
  return masters;
}

Task<RedisReply> RedisServers::ask_at(std::string_view master, const RedisWords& command,
                                      Repeat repeat) const {
  RedisPipeline* node = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = nodes_.find(std::string(master));
    if (found == nodes_.end()) fail("{}: '{}' is no node of the cluster", name_, master);
    node = found->second.get();
  }
  RedisReply reply = co_await node->ask(command, repeat);
  co_return reply;
}

Task<RedisReply> RedisServers::ask(const RedisWords& command, Repeat repeat) const {
  if (is_cluster()) {
    Task<RedisReply> asking = ask_cluster(command, repeat);
    co_return co_await std::move(asking);
  }
  RedisReply reply = co_await nodes_.begin()->second->ask(command, repeat);
  co_return reply;
}

void RedisServers::check(const redisReply& reply, int type) const {
  if (is_error(reply)) fail("{}: {}", name_, text_of(reply));
  if (reply.type != type) fail("{}: gave an answer of an unexpected kind", name_);
}

Task<RedisReply> RedisServers::answer(const RedisWords& command, int type) const {
  Task<RedisReply> asking = ask(command, Repeat::kSafe);
  RedisReply reply = co_await std::move(asking);
  check(*reply, type);
  co_return reply;
}

RedisReply RedisServers::answer_now(const RedisWords& command, int type) const {
  return wait(answer(command, type));
}

RedisReply RedisServers::answer_at(std::string_view master, const RedisWords& command,
                                   int type) const {
  RedisReply reply = wait(ask_at(master, command, Repeat::kSafe));
  check(*reply, type);
  return reply;
}

Task<RedisReply> RedisServers::run(const RedisScript& script, const RedisWords& words,
                                   Repeat repeat) const {
  RedisWords command = {"EVALSHA", script.name};
  command.insert(command.end(), words.begin(), words.end());
  RedisReply reply = co_await ask(command, repeat);
  if (is_error(*reply, "NOSCRIPT")) {  // the server is new, or was restarted: it learns it
    command[0] = "EVAL";
    command[1] = script.text;
    reply = co_await ask(command, repeat);
  }
  check(*reply, REDIS_REPLY_INTEGER);
  co_return reply;
}

struct RedisServers::Moved {
  RedisHost to;
  bool for_good = false;  // the slot is there from here on; or just this key
};

/// "MOVED 3999 127.0.0.1:6381", "ASK …"; without a host it is the one that answered.
std::optional<RedisServers::Moved> RedisServers::moved_of(const redisReply& reply,
                                                          const RedisPipeline& node) {
  const bool for_good = is_error(reply, "MOVED ");
  if (!for_good && !is_error(reply, "ASK ")) return std::nullopt;
  const auto words = split(text_of(reply), " ");
  if (words.size() != 3) return std::nullopt;
  const auto colon = words[2].rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<int>(words[2].substr(colon + 1));
  const std::string host(words[2].substr(0, colon));
  if (!port) return std::nullopt;
  return Moved{{host.empty() ? node.address().host : host, *port}, for_good};
}

bool RedisServers::take_slots(const redisReply& reply, const RedisPipeline& node) const {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0) return false;
  std::vector<RedisPipeline*> by_slot(kRedisSlots);
  for (std::size_t i = 0; i < reply.elements; ++i) {
    // first slot, last slot, [host, port, …] of the master, of replicas …
    const redisReply& range = *reply.element[i];
    if (range.type != REDIS_REPLY_ARRAY || range.elements < 3) return false;
    const redisReply& master = *range.element[2];
    if (master.type != REDIS_REPLY_ARRAY || master.elements < 2) return false;
    const redisReply& host = *master.element[0];
    const bool named = host.type == REDIS_REPLY_STRING && host.len > 0 && text_of(host) != "?";
    RedisPipeline& there = node_at({named ? std::string(text_of(host)) : node.address().host,
                                    static_cast<int>(master.element[1]->integer)});
    const auto first = static_cast<std::size_t>(range.element[0]->integer);
    const auto last = static_cast<std::size_t>(range.element[1]->integer);
    for (std::size_t slot = first; slot <= last && slot < kRedisSlots; ++slot) {
      by_slot[slot] = &there;
    }
  }
  const std::lock_guard lock(mutex_);
  by_slot_ = std::move(by_slot);
  return true;
}

Task<bool> RedisServers::refresh(const RedisPipeline* silent) const {
  if (!may_refresh()) co_return false;
  // The one that was just asked in vain comes last.
  std::vector<RedisPipeline*> nodes = all_nodes();
  const auto last = std::ranges::find(nodes, silent);
  if (last != nodes.end()) std::rotate(last, last + 1, nodes.end());
  const RedisWords question = {"CLUSTER", "SLOTS"};
  std::string why;
  for (RedisPipeline* node : nodes) {
    RedisReply reply;
    try {
      reply = co_await node->ask(question, Repeat::kSafe);
    } catch (const Error& error) {
      why = error.what();
      continue;
    }
    if (take_slots(*reply, *node)) co_return true;
    why = is_error(*reply) ? fmt::format("{}: {}", node->name(), text_of(*reply))
                           : fmt::format("{}: it has no slots", node->name());
  }
  const std::lock_guard lock(mutex_);
  error_ = why;
  co_return false;
}

Task<RedisReply> RedisServers::ask_cluster(const RedisWords& command, Repeat repeat) const {
  const std::size_t slot = redis_slot(key_of(command));
  RedisPipeline* node = &node_of(slot);
  bool taking_over = false;
  for (int step = 1;; ++step) {
    RedisReply reply;
    std::optional<Error> lost;
    try {
      if (taking_over) {
        reply = co_await node->ask_new_owner(command, repeat);
      } else {
        reply = co_await node->ask(command, repeat);
      }
    } catch (const Error& error) {
      lost = error;
    }
    if (lost) {  // it may be gone, and another in its place
      Task<bool> refreshing = refresh(node);
      co_await std::move(refreshing);
      RedisPipeline* const next = &node_of(slot);
      if (repeat == Repeat::kUnsafe || next == node || step >= kMostSteps) throw Error(*lost);
      node = next;
      taking_over = false;
      continue;
    }
    // Keys of one command that are on their way between two nodes will be together soon.
    if (step < kMostSteps && is_error(*reply, "TRYAGAIN")) continue;
    const std::optional<Moved> moved = moved_of(*reply, *node);
    if (!moved || step >= kMostSteps) co_return reply;
    node = &node_at(moved->to);
    taking_over = !moved->for_good;
    if (moved->for_good) {
      {
        const std::lock_guard lock(mutex_);
        by_slot_[slot] = node;
      }
      Task<bool> refreshing = refresh(nullptr);
      co_await std::move(refreshing);
    }
  }
}

}  // namespace tessera
