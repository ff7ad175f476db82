-- wrk script: every request is another member's signal. Each thread walks its own share of the token
-- file once; a thread that has sent its last one stops. At the end one JSON
-- line: what came back, and how long it took. No response(): it would cost as much as the server.
--
--     wrk -t2 -c128 -d4 -s signals.lua URL -- TOKENFILE

local threads = {}

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

-- The requests are made here, before the clock runs: making them then cost 4 us of processor each.
function init(args)
  local head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host ..
    "\r\nContent-Type: application/json\r\nContent-Length: 17\r\nAuthorization: Bearer "
  local tail = "\r\n\r\n{\"channel\":\"app\"}"
  local n = 0
  requests = {}
  for token in io.lines(args[1]) do
    if n % 2 == id % 2 then
      requests[#requests + 1] = head .. token .. tail
    end
    n = n + 1
  end
  i = 0
  exhausted = 0
end

function request()
  if i == #requests then
    exhausted = 1
    wrk.thread:stop()
  else
    i = i + 1
  end
  return requests[i]
end

function done(summary, latency)
  local exhausted = 0
  for _, thread in ipairs(threads) do
    exhausted = exhausted + thread:get("exhausted")
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"answered":%d,"refused":%d,"broken":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"exhausted":%d}',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, exhausted))
end
