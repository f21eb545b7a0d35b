-- wrk: send one body over and over, and count the answers that end as they should.
--   wrk -s ask.lua URL -- BODY MARKER
local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1]))
  wrk.body = file:read("*a")
  file:close()
  marker = args[2]
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  message = wrk.format()
  answered, failed = 0, 0
end

function request()
  return message
end

function response(status, headers, body)
  if status == 200 and body:find(marker, -200, true) then
    answered = answered + 1
  else
    failed = failed + 1
  end
end

function done(summary, latency, requests)
  local answered, failed = 0, 0
  for _, thread in ipairs(threads) do
    answered = answered + thread:get("answered")
    failed = failed + thread:get("failed")
  end
  local errors = summary.errors
  print(string.format(
    '{"seconds": %.6f, "answered": %d, "failed": %d, "broken": %d, "p50_us": %.1f, "p99_us": %.1f}',
    summary.duration / 1e6, answered, failed, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
