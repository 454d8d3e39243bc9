-- SPDX-License-Identifier: Apache-2.0
-- The same GET at a fixed rate: wrk ... -- RATE. Each connection asks for its next slot on one
-- common schedule; slots that were missed are made up for at once, so the mean rate holds.
local ffi = require("ffi")
local summary = require("summary")

ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *out);
]]

local CLOCK_MONOTONIC = 1
local time = ffi.new("bench_time")
local interval_ms
local next_at_ms

local function now_ms()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
    return tonumber(time.seconds) * 1e3 + tonumber(time.nanoseconds) / 1e6
end

function init(args)
    interval_ms = 1e3 / tonumber(args[1])
end

function delay()
    local now = now_ms()
    next_at_ms = (next_at_ms or now) + interval_ms
    return math.max(0, math.floor(next_at_ms - now))
end

function done(run, latency)
    summary.print(run, latency)
end
