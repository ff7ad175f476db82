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

function init(args)
  local n = 0
  tokens = {}
  for line in io.lines(args[1]) do
    if n % 2 == id % 2 then
      tokens[#tokens + 1] = line
    end
    n = n + 1
  end
  i = 0
  exhausted = 0
  head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host ..
    "\r\nContent-Type: application/json\r\nContent-Length: 17\r\nAuthorization: Bearer "
  tail = "\r\n\r\n{\"channel\":\"app\"}"
end

function request()
  if i == #tokens then
    exhausted = 1
    wrk.thread:stop()
  else
    i = i + 1
  end
  return head .. tokens[i] .. tail
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
