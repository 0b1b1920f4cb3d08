-- wrk script: recommend requests with random histories of 8 items, or with bodies of a file, one a line.
--   wrk -t1 -c64 -d10s --latency -s bench/recommend.lua http://127.0.0.1:8080 -- [HIGHEST_ITEM_ID [FIELDS] | FILE]
-- Random items look in more directions at once than a user does, and their lists are searched for longer.
-- The last 8 events of users who have as many:
--   python3 -c 'import json, sys, tessera_rec as t; d = t.Dataset(sys.argv[1]); print(*[json.dumps({"history": h[-8:], "k": 10})
--     for h in map(d.history, d.user_ids) if len(h) > 7][:1024], sep="\n")' DATASET >bodies.jsonl
-- FIELDS: further ones of the body, such as '"filter": "in_stock and price < 20", "titles": true'
local bodies = {}
local next_body = 0

function init(arguments)
  local highest = tonumber(arguments[1] or "12101")
  if not highest then
    for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
    return
  end
  local fields = arguments[2] and ("," .. arguments[2]) or ""
  math.randomseed(1)
  for i = 1, 1024 do
    local ids = {}
    for j = 1, 8 do ids[j] = math.random(1, highest) end
    bodies[i] = '{"history":[' .. table.concat(ids, ",") .. '],"k":10' .. fields .. '}'
  end
end

function request()
  next_body = next_body % #bodies + 1
  return wrk.format("POST", "/v1/recommend", { ["Content-Type"] = "application/json" }, bodies[next_body])
end

local refused = 0
function response(status)
  if status ~= 200 then refused = refused + 1 end
end
