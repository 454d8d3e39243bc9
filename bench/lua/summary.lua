-- SPDX-License-Identifier: Apache-2.0
-- What a run of wrk amounted to, as one line of JSON on stdout.
local summary = {}

-- A sample of a wrong answer may hold anything; quotes, backslashes and control bytes are replaced.
local function text(value)
    return '"' .. value:gsub('[%c"\\]', "'") .. '"'
end

-- extra: names and values (numbers or texts) that a script adds of its own.
function summary.print(run, latency, extra)
    local errors = run.errors
    local seconds = run.duration / 1e6
    local line = string.format(
        '{"requests":%d,"seconds":%.6f,"perSecond":%.3f,"p50Ms":%.3f,"p99Ms":%.3f,' ..
        '"socketErrors":%d,"badStatus":%d',
        run.requests, seconds, run.requests / seconds,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect + errors.read + errors.write + errors.timeout, errors.status)
    for name, value in pairs(extra or {}) do
        local shown = type(value) == "number" and string.format("%d", value) or text(value)
        line = line .. ',"' .. name .. '":' .. shown
    end
    io.write(line, "}\n")
end

return summary
