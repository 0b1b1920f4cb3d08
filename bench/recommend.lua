-- wrk script: recommend requests with random histories of 8 items.
--   wrk -t1 -c64 -d10s --latency -s bench/recommend.lua http://127.0.0.1:8080 -- [HIGHEST_ITEM_ID [FIELDS]]
-- FIELDS: further ones of the body, such as '"filter": "in_stock and price < 20", "titles": true'
local bodies = {}
local next_body = 0

function init(arguments)
  local highest = tonumber(arguments[1] or "12101")
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
