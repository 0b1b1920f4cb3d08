// What a Redis server does in one atomic step. A script is not rolled back: whatever can fail comes
// before what would then be left behind.
#pragma once
#include <string_view>

namespace tessera {

// Events first, then their key.
// KEYS: the user's history, the user's idempotency keys, the digests of their batches.
// ARGV: history limit, how many idempotency keys to keep, idempotency key or nothing, digest of the
// batch, events … (none: only tell)
// Answers 0 done, 1 repeated, 2 conflict, as Append.
constexpr std::string_view kAppendScript = R"lua(
local key, digest = ARGV[3], ARGV[4]
if key ~= '' then
  local known = redis.call('HGET', KEYS[3], key)
  if redis.call('LPOS', KEYS[2], key) then
    if known and known ~= digest then return 2 end
    return 1
  end
end
if #ARGV == 4 then return 0 end
for first = 5, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[1]), -1)
if key ~= '' then
  redis.call('RPUSH', KEYS[2], key)
  redis.call('HSET', KEYS[3], key, digest)
  while redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) do
    redis.call('HDEL', KEYS[3], redis.call('LPOP', KEYS[2]))
  end
end
return 0
)lua";

// KEYS: a number. ARGV: the least that it is from here on.
constexpr std::string_view kRaiseScript = R"lua(
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 0
)lua";

// Items and attributes that change, and the word of it to whoever shares the store.
// KEYS: items, tokens, attributes, the stream of changes.
// ARGV: how many changes the stream keeps, who changes, and then in fours: 'i' an item (id, record
// or nothing, what a model made of its text or nothing) or 'a' an attribute (key, value, nothing).
constexpr std::string_view kChangeScript = R"lua(
for i = 3, #ARGV, 4 do
  local kind, key, value, tokens = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if kind == 'a' then
    redis.call('HSET', KEYS[3], key, value)
  else
    if value == '' then
      redis.call('HDEL', KEYS[1], key)
    else
      redis.call('HSET', KEYS[1], key, value)
    end
    if tokens == '' then
      redis.call('HDEL', KEYS[2], key)
    else
      redis.call('HSET', KEYS[2], key, tokens)
    end
  end
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', kind, key, 'by', ARGV[2])
end
return 0
)lua";

}  // namespace tessera
