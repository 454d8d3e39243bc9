-- SPDX-License-Identifier: Apache-2.0
-- POST /verify with the bodies of a file, one in each line, in a circle: wrk ... -- FILE [PATH] [YES].
-- Counts the answers that say isValid, or YES, and keeps the first that does not.
local summary = require("summary")

local requests = {}
local at = 0
local threads = {}
local yes = '"isValid":true'

valid = 0
invalid = 0
sample = ""

function setup(thread)
    threads[#threads + 1] = thread
end

function init(args)
    local headers = { ["Content-Type"] = "application/json" }
    yes = args[3] or yes
    for body in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", args[2] or "/verify", headers, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function response(status, _, body)
    if status == 200 and body:find(yes, 1, true) then
        valid = valid + 1
        return
    end
    invalid = invalid + 1
    if sample == "" then sample = status .. " " .. body:sub(1, 300) end
end

function done(run, latency)
    local extra = { valid = 0, invalid = 0, sample = "" }
    for _, thread in ipairs(threads) do
        extra.valid = extra.valid + thread:get("valid")
        extra.invalid = extra.invalid + thread:get("invalid")
        if extra.sample == "" then extra.sample = thread:get("sample") end
    end
    summary.print(run, latency, extra)
end
