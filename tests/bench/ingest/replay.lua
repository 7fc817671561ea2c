-- wrk sends the requests of a file, each once, and prints what it saw as one line of JSON.
local file

function init(args)
  file = assert(io.open(args[1], "rb"))
end

local last
function request()
  local length = file:read("*l")
  if length then
    last = file:read(tonumber(length))
  else
    wrk.thread:stop()
  end
  return last
end

function done(summary, latency)
  local errors = summary.errors
  if errors.connect + errors.read + errors.write + errors.timeout > 0 then
    error("a connection failed, or an answer did not come")
  end
  local seconds = summary.duration / 1e6
  print(string.format(
    '{"accepted": %d, "refused": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}',
    summary.requests - errors.status, errors.status, seconds,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
