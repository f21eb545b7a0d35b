-- wrk: book one random seat after another, each seat once, and count what came of it.
--   wrk -s book.lua URL -- SHOWS BODY TOKENS MARKER WIDTH SEATS SEED START
-- SHOWS   file with a show's id a line; BODY  file with a request's body, $SHOW and $SEAT in it
-- TOKENS  file with a token a line, shown in turn; empty where nobody shows one
-- MARKER  what only the answer to a booking that succeeded contains
-- WIDTH   shows on sale at a time, of SEATS each; when they are sold out the next ones follow
-- SEED    of the order; START  where in it to begin, for a run that goes on after another

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function shuffle(size)
  local order = {}
  for i = 1, size do
    local j = math.random(i)
    order[i] = order[j]
    order[j] = i - 1
  end
  return order
end

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  shows = {}
  for line in read(args[1]):gmatch("%S+") do shows[#shows + 1] = line end
  before, between, after = read(args[2]):match("^(.*)$SHOW(.*)$SEAT(.*)%s*$")
  tokens = {}
  for token in read(args[3]):gmatch("%S+") do tokens[#tokens + 1] = "Authorization: Bearer " .. token .. "\r\n" end
  marker, width, seats = args[4], tonumber(args[5]), tonumber(args[6])
  math.randomseed(tonumber(args[7]))
  order = shuffle(width * seats)
  place, first, booked, refused, failed = tonumber(args[8]), 0, 0, 0, 0
  head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
end

function request()
  place = place + 1
  if place > #order then
    place, first = 1, first + width
    if first + width > #shows then first = 0 end
  end
  local at = order[place]
  local show = shows[first + at % width + 1]
  local body = before .. show .. between .. (math.floor(at / width) + 1) .. after
  local shown = tokens[place % #tokens + 1] or ""
  return head .. shown .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  if body:find(marker, 1, true) then
    booked = booked + 1
  elseif status >= 500 or body:find('"errors"', 1, true) then
    failed = failed + 1
  else
    refused = refused + 1
  end
end

function done(summary, latency, requests)
  local booked, refused, failed = 0, 0, 0
  for _, thread in ipairs(threads) do
    booked = booked + thread:get("booked")
    refused = refused + thread:get("refused")
    failed = failed + thread:get("failed")
  end
  local errors = summary.errors
  print(string.format(
    '{"seconds": %.6f, "booked": %d, "refused": %d, "failed": %d, "broken": %d, "p50_us": %.1f, "p99_us": %.1f}',
    summary.duration / 1e6, booked, refused, failed, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
