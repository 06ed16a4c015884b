-- Sends SCIM PATCH requests that set a new display name each time. Arguments: a file of user ids, the API key.
local ids, head, count = {}, nil, 0

function init(args)
    for id in io.lines(args[1]) do ids[#ids + 1] = id end
    head = "Host: localhost\r\nAuthorization: Bearer " .. args[2] .. "\r\nContent-Type: application/scim+json\r\n"
end

function request()
    count = count + 1
    local body = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":'
        .. '[{"op":"replace","path":"displayName","value":"Ada ' .. count .. '"}]}'
    return "PATCH /scim/v2/Users/" .. ids[math.random(#ids)] .. " HTTP/1.1\r\n" .. head
        .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('RESULT {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p99":%d}\n', summary.requests,
        summary.duration, e.connect + e.read + e.write + e.timeout + e.status,
        latency:percentile(50), latency:percentile(99)))
end
