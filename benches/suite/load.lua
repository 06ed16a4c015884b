-- Sends requests chosen at random from a plan. Arguments: the plan (a Lua table of weighted requests), the prefix of new
-- numbers, a random seed.
local plan, prefix, count = nil, nil, 0

local function lines(path)
    local list = {}
    for line in io.lines(path) do list[#list + 1] = line end
    return list
end

function init(args)
    plan, prefix = dofile(args[1]), args[2]
    math.randomseed(tonumber(args[3]))
    for _, entry in ipairs(plan) do entry.ids = lines(entry.ids) end
end

local function choose()
    local percent = math.random(100)
    for _, entry in ipairs(plan) do
        if percent <= entry.weight then return entry end
        percent = percent - entry.weight
    end
end

function request()
    local entry = #plan == 1 and plan[1] or choose()
    count = count + 1
    local number, text = prefix .. string.format("%08d", count), {}
    for i, part in ipairs(entry.parts) do
        if part == "{id}" then
            text[i] = entry.ids[math.random(#entry.ids)]
        elseif part == "{n}" then
            text[i] = number
        else
            text[i] = part
        end
    end
    return table.concat(text)
end

-- wrk counts a status of 400 or more as an error.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout + e.status,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
