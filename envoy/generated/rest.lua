-- Made from envoy/guard.lua, envoy/json_text.lua, envoy/refusals.lua, envoy/unreadable.lua, envoy/oauth.lua, envoy/errors.lua, envoy/rest.lua by `make generate`; not to be edited.
local guard = (function()

-- What happens when a script fails: the call ends in a 500. Envoy by itself would let a request go on
-- as it was, and send a reply as it stood.
--
-- Envoy counts each such failure in `lua.errors`. It learns of one by an error that leaves the script,
-- which is raised here when the reply is what it must be.

local error, find, gsub, pcall, sub, tostring =
  error, string.find, string.gsub, pcall, string.sub, tostring

-- Envoy's name for what a script has ended: `request` below with a 500, or another with a refusal.
local ENDED = "lua_response"

-- And what a reply has there that envoy.yaml has worded whole.
local WORDED = "worded"

local SENTENCE = "something went wrong; quote the request id"

-- What a reply may have learned before its script failed, and is not true of a 500.
local SUCCESSFUL = {"etag", "location", "pragma", "retry-after", "www-authenticate"}
local OUTCOME = {"grpc-status", "grpc-message", "grpc-status-details-bin"}

local function remove(fields, names)
  for n = 1, #names do fields:remove(names[n]) end
end

-- Uses nothing of the other files, because what has failed may be any of them.
local function close(handle, is_grpc)
  handle:headers():replace(":status", "500")
  local body = handle:body(true)
  if body:length() > 0 then body:setBytes("") end
  local headers, trailers = handle:headers(), handle:trailers()
  remove(headers, SUCCESSFUL)
  remove(headers, OUTCOME)
  if trailers then remove(trailers, OUTCOME) end
  headers:replace("cache-control", "no-store")
  local noted = handle:streamInfo():dynamicMetadata()
  noted:set("emporium", "reason", "INTERNAL")
  noted:set("emporium", "grpc_status", "INTERNAL")
  if is_grpc then
    headers:replace(":status", "200")
    headers:replace("grpc-status", "13")
    headers:replace("grpc-message", SENTENCE)
    return
  end
  local id = gsub(sub(headers:get("x-request-id") or "", 1, 64), "[^%w._-]", "_")
  headers:replace("x-request-id", id)
  headers:replace("content-type", "application/json")
  local reply = '{"status":"error","error":{"code":"INTERNAL","message":"' .. SENTENCE ..
    '","details":[]},"request_id":"' .. id .. '"}'
  if headers:get("x-emporium-verb") ~= "HEAD" then body:setBytes(reply) end
  headers:replace("content-length", tostring(#reply))
end

-- Does `work` with a request, which ends here when it fails. The reply is made as for every refusal of
-- the edge.
local function request(work, handle)
  local worked, problem = pcall(work, handle)
  if worked then return end
  handle:logErr("a request was ended: " .. tostring(problem))
  handle:respond({[":status"] = "500"})
end

-- Does `work` with a reply that is the edge's own, or JSON: nobody shapes any other. It gets Envoy's
-- name for what happened, nil for a service's reply, and the content type.
local function reply(work, handle)
  local headers = handle:headers()
  local cause, content_type = headers:get("x-emporium-edge"), headers:get("content-type")
  if cause == WORDED then return end
  if not cause and not find(content_type or "", "^application/json") then return end
  local failed = cause == ENDED and headers:get("x-emporium-status") == "500"
  local worked, problem = pcall(work, handle, cause, content_type)
  if not worked then
    close(handle, find(content_type or "", "^application/grpc") ~= nil)
    error(problem, 0)
  end
  if failed then error("a request was ended", 0) end
end

return {reply = reply, request = request}

end)()

local json_text = (function()

-- Finds its way in JSON as text, without reading all of it.
--
-- That is safe for one reason: inside a JSON string every quote is escaped, so `,"meta":{` can only be
-- the end of one member and the beginning of another.

local byte, find, format, gsub, match, max, sub =
  string.byte, string.find, string.format, string.gsub, string.match, math.max, string.sub

-- How far from the end `meta` can begin: a page token has at most 1,536 characters.
local META_BYTES = 2048

-- The position of the quote that ends the JSON string whose contents begin at `at`; nil where there
-- is none. Looks for quotes and then back, because that skips a long value far faster than reading it.
local function closing(json, at)
  local stop = find(json, '"', at, true)
  while stop do
    local before = stop - 1
    while before >= at and byte(json, before) == 92 do before = before - 1 end
    if (stop - before) % 2 == 1 then return stop end -- an even number of backslashes, or none
    stop = find(json, '"', stop + 1, true)
  end
  return nil
end

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\"}
-- `text` as a JSON string. Bytes beyond ASCII are escaped one by one: text of a caller need not
-- be UTF-8, and the envelope must be.
local function quoted(text)
  local safe = gsub(text, '[%c"\\\127-\255]', function(c)
    return ESCAPES[c] or format("\\u%04x", byte(c))
  end)
  return '"' .. safe .. '"'
end

-- Where `,"meta":{` begins, when `meta` is the last member of the whole.
local function meta_of(json)
  if sub(json, -2) ~= "}}" then return nil end
  local last
  local at = find(json, ',"meta":{', max(1, #json - META_BYTES), true)
  while at do
    last = at
    at = find(json, ',"meta":{', at + 1, true)
  end
  return last and find(json, "^[^{}]*}}$", last + 9) and last
end

-- The etag of a single resource: its last member, but for numbers, names, ids and the like.
local function etag_of(json)
  return match(sub(json, -320), ',"etag":"([^"\\]+)"[%w_":,-]*}$')
end

-- The same where the contract says that it is the first member of its name, and not the last of all. An
-- answer into which `expand` has put a user has none, because it changes without it.
local function first_etag_of(json)
  local at = find(json, ',"etag":"', 1, true)
  if not at or find(json, ',"user":{', at + 8, true) then return nil end
  return match(json, '^"([^"\\]+)"', at + 8)
end

return {closing = closing, first_etag_of = first_etag_of, etag_of = etag_of, meta_of = meta_of, quoted = quoted}

end)()

local refusals = (function()

-- What the edge says of a call that it refused itself, by every door: status, reason and message.
-- The edge's filters decide that a call is refused; here stands only how that is told: where a
-- service would refuse it as well, in the service's words.
--
-- A row: HTTP status, gRPC status, reason of the contract, message.

local char, concat, find, floor, format, gsub, sub =
  string.char, table.concat, string.find, math.floor, string.format, string.gsub, string.sub

local BY_STATUS = {
  ["400"] = {"400", 3, "MALFORMED_REQUEST", "the request cannot be read"},
  ["401"] = {"401", 16, "INVALID_TOKEN", "the token is not valid; sign in again"},
  ["403"] = {"403", 7, "PERMISSION_DENIED", "not allowed"},
  ["404"] = {"404", 12, "ROUTE_NOT_FOUND", "no such path; case counts, and none ends in a slash"},
  ["405"] = {"405", 12, "METHOD_NOT_ALLOWED", "the path has other verbs; 'Allow' lists them"},
  ["408"] = {"408", 4, "DEADLINE_EXCEEDED", "the request did not arrive in time"},
  ["413"] = {"413", 8, "BODY_TOO_LARGE", "the body may hold %s bytes"},
  ["429"] = {"429", 8, "RATE_LIMITED", "try again in %s s"},
  ["431"] = {"431", 8, "HEADERS_TOO_LARGE", "headers may hold 8192 bytes, and be 100"},
  ["500"] = {"500", 13, "INTERNAL", "something went wrong; quote the request id"},
  ["501"] = {"501", 12, "UNSUPPORTED_HTTP", "no tunnels, and no transfer codings but chunked"},
  ["503"] = {"503", 14, "UNAVAILABLE", "try again"},
  ["504"] = {"504", 4, "DEADLINE_EXCEEDED",
             "not done in time; a change may have been made: read again"},
}
BY_STATUS["502"] = BY_STATUS["503"] -- the service broke the connection, or HTTP itself

-- What a path without a route is to gRPC, and what a service says of an rpc that it has not.
local NO_RPC = {"404", 12, "METHOD_NOT_IMPLEMENTED", "no such rpc"}

-- rest.lua has found a header that it lets no service read.
local ODD_HEADER = {"400", 3, "MALFORMED_REQUEST", "the header %s"}
local NOT_ASCII = "may hold nothing but ASCII"
local UNDERSCORE = "has a name with '_'; write '-'"

-- Where the status says too little, or the wrong thing: the beginning of Envoy's name for what
-- happened.
local BY_CAUSE = {
  {"jwt_authn_access_denied{Jwt_is_missing}",
   {"401", 16, "UNAUTHENTICATED", "sign in and send 'Authorization: Bearer <token>'"}},
  {"jwt_authn_access_denied{Jwt_is_expired}",
   {"401", 16, "TOKEN_EXPIRED", "the token has expired; sign in again"}},
  -- A 403 of Envoy's; to the contract such a token is as bad as any other.
  {"jwt_authn_access_denied{", BY_STATUS["401"]},
  {"rbac_access_denied_matched_policy[large_headers]", BY_STATUS["431"]},
  {"rbac_access_denied_matched_policy[incomplete_token]", BY_STATUS["401"]},
  {"reached_concurrency_limit",
   {"503", 14, "UNAVAILABLE", "there are more calls than can be answered; try again"}},
  {"upgrade_failed", BY_STATUS["501"]},
  {"response_timeout", BY_STATUS["504"]},
  {"upstream_response_timeout", BY_STATUS["504"]},
  {"max_duration_timeout", BY_STATUS["504"]},
}

-- The names of gRPC's statuses.
local NAMES = {
  [0] = "OK",
  "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
  "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

-- `cause` is nil where a service gave no reason of ours.
local function row(cause, status, by_grpc)
  if cause == "lua_response" and status == "400" then return ODD_HEADER end
  for _, each in ipairs(cause and BY_CAUSE or {}) do
    if find(cause, each[1], 1, true) == 1 then return each[2] end
  end
  if by_grpc and status == "404" or not cause and status == "501" then return NO_RPC end
  return BY_STATUS[status] or BY_STATUS["500"]
end

-- google.rpc.Status in the encoding of protocol buffers, whose fields here are all short.
local function length(bytes)
  if #bytes < 128 then return char(#bytes) end
  return char(#bytes % 128 + 128, floor(#bytes / 128))
end

local function field(number, bytes) return char(number * 8 + 2) .. length(bytes) .. bytes end

local function detail(name, bytes)
  return field(3, field(1, "type.googleapis.com/google.rpc." .. name) .. field(2, bytes))
end

-- The bytes of grpc-status-details-bin, before base64: the details that the services send too.
local function encoded(code, message, reason, id, wait)
  local parts = {
    char(8, code), field(2, message),
    detail("ErrorInfo", field(1, reason) .. field(2, "emporium")),
    detail("RequestInfo", field(1, id)),
  }
  if wait then
    local seconds = tonumber(wait) -- at most a minute, which one byte holds
    parts[#parts + 1] = detail("RetryInfo", field(1, char(8, seconds < 127 and seconds or 127)))
  end
  return concat(parts)
end

-- Whole seconds to wait, rounded up.
local function at_least_one(seconds)
  return (seconds == nil or seconds == "0") and "1" or seconds
end

-- How long to wait before the call may succeed, where the edge knows.
local function wait_of(headers, status)
  if status == "429" then
    return at_least_one(headers:get("retry-after") or headers:get("x-ratelimit-reset"))
  end
  return status == "503" and "1" or nil
end

-- What rest.lua and the access log know of the call under way.
local function known_of(handle) return handle:streamInfo():dynamicMetadata() end

-- Keeps, for the message, an odd header and what is wrong with it. Its name may be long, and hold
-- whatever a token may.
local function note_odd(handle, name, wrong)
  local told = gsub(sub(name, 1, 64), "[^%w._:-]", "?")
  known_of(handle):set("emporium", "odd_header", told .. " " .. wrong)
end

-- What a message still lacks: how long to wait, how large a body may be by this route, which header.
local function known(handle, refusal, wait, body_bytes_max)
  local missing = at_least_one(wait)
  if refusal[3] == "BODY_TOO_LARGE" then missing = body_bytes_max or "1048576" end
  if refusal == ODD_HEADER then missing = known_of(handle):get("emporium").odd_header end
  return format(refusal[4], missing)
end

-- Tells the access log what the reply no longer says, or says to the caller only.
local function note(handle, reason, grpc_status)
  local metadata = known_of(handle)
  if reason then metadata:set("emporium", "reason", reason) end
  local name = NAMES[tonumber(grpc_status)]
  if name then metadata:set("emporium", "grpc_status", name) end
end

-- Writes a refusal for gRPC, or for gRPC-Web of the content type `web`.
local function by_grpc(handle, cause, web, id)
  if web then
    local body = handle:body(true)
    if body:length() > 0 then body:setBytes("") end
  end
  local headers = handle:headers()
  local refusal = row(cause, headers:get("x-emporium-status"), true)
  local wait = wait_of(headers, refusal[1])
  local message = known(handle, refusal, wait)
  headers:replace(":status", "200")
  headers:replace("grpc-status", tostring(refusal[2]))
  headers:replace("grpc-message", message)
  local details = encoded(refusal[2], message, refusal[3], id, wait)
  headers:replace("grpc-status-details-bin", handle:base64Escape(details))
  if web then
    headers:replace("content-type", web)
    headers:remove("content-length")
  end
  note(handle, refusal[3], refusal[2])
end

return {
  row = row, at_least_one = at_least_one, wait_of = wait_of, known = known, note = note,
  note_odd = note_odd, by_grpc = by_grpc, NOT_ASCII = NOT_ASCII, UNDERSCORE = UNDERSCORE,
}

end)()

local unreadable = (function()

-- What is told of a request that the transcoder could not read: its own message, in our words and
-- without the values in it.

local concat, find, gmatch, gsub, lower, match =
  table.concat, string.find, string.gmatch, string.gsub, string.lower, string.match

-- The name of each type in a sentence.
local TYPES = {
  STRING = "a string", BOOL = "true or false", INT32 = "a whole number", INT64 = "a whole number",
  MESSAGE = "an object",
  ["google.protobuf.Timestamp"] = "a time such as 2024-01-31T12:00:00Z",
}

-- What the transcoder may say of JSON in its own words. Whatever else it says may hold a value.
local JSON_ERRORS = {}
for _, said in ipairs {
  "Unexpected token.", "Expected a value.", "Expected , or } after key:value pair.",
  "Expected : between key:value pair.", "Expected , or ] after array value.",
  "Expected an object key or }.", "Closing quote expected in string.", "Invalid escape sequence.",
  "Unexpected end of string. Expected a value.",
  "Unexpected end of string. Expected , or } after key:value pair.",
  "Unexpected end of string. Expected : between key:value pair.",
  "Unexpected end of string. Expected , or ] after array value.",
  "Unexpected end of string. Expected an object key or }.",
  "Encountered non UTF-8 code points.", "Number exceeds the range of double.",
} do JSON_ERRORS[said] = true end

local HALF = "the body has half a character: \\ud800 to \\udfff come in pairs, high and low"
-- What is told in our words.
local SAID = {
  ["Missing low surrogate."] = HALF, ["Invalid low surrogate."] = HALF,
  ["Invalid unicode code point."] = HALF,
  ["Parsing terminated before end of input."] = "the body has more behind its JSON object",
  [": Root element must be a message."] = "the body must be a JSON object",
}

-- Both names of a oneof of which the body has more than one, where `oneofs` are those of the route.
local function exclusive(text, oneofs)
  local group = match(text, "oneof field '([%w_]+)' is already set%. Cannot set '[%w_]+' for type oneof")
  local names = group and oneofs and oneofs[group]
  if not names then return nil end
  local fields = {}
  for name in gmatch(names, "[^,]+") do fields[#fields + 1] = name end
  return "MALFORMED_REQUEST", "send one of " .. concat(fields, " and ") .. ", not both", fields
end

-- The field, and what it must be, where an array or an object stands in place of something else. `array`
-- is the first array of the body that may be none.
local function misshapen(text, lists, array)
  local above, name = match(text, "^([%w_.%[%]]*): invalid value Starting an object on .* for type ([%w_]+)")
  if name then
    local is_item = match(above, "[%w_]+$") == name
    local field = (above == "" or is_item) and name or above .. "." .. name
    if is_item then field = above end
    return field, lists and lists[field] and "must be an array, not an object" or "must not be an object"
  end
  local map = match(text, "Cannot bind a list to map for field '([%w_]+)'")
  if map then return map, "must be an object" end
  above = match(text, "^([%w_.%[%]]*): Proto fields must have a name")
  if above then return above, "must not be an array" end
  above = match(text, "^([%w_.%[%]]*): Proto field is not repeating")
  local outer, last = match(array or "", "^(.-)%.?([^.]+)$")
  if above and outer == gsub(above, "%[%d+%]", "") then
    return (above == "" and "" or above .. ".") .. last, "must not be an array"
  end
  above = match(text, "^([%w_.]+)%[%d+%]: Repeated map key")
  if above then return above, "has a key twice" end
end

-- Whether a body of that type could have been read. Where the caller named none, there stands the one
-- that the transcoder sends on.
local function is_json(content_type)
  local kind = match(lower(content_type), "^%s*([^;%s]*)")
  return kind == "" or kind == "application/json" or kind == "application/grpc" or
    find(kind, "%+json$") ~= nil
end

-- The reason, the message, the fields at fault where they are known, and the status where it is not
-- 400. `route` has sentences for its enums, the fields of its oneofs, and which fields are lists;
-- `content_type` and `coding` are the body's, and `array` is what body_fields.lua has found in it.
local function told(text, route, content_type, coding, array)
  local field = match(text, '^Could not find field "(.-)" in the type')
  if field then return "UNKNOWN_FIELD", "the request has no field '" .. field .. "'", {field} end
  local bound = match(text, "of the field ([%w_.]+) is conflicting with the value .* in the body")
  if bound then return "MALFORMED_REQUEST", "'" .. bound .. "' is said by the path", {bound} end
  local code, message, fields = exclusive(text, route:get("oneofs"))
  if code then return code, message, fields end
  local wrong, must_be = misshapen(text, route:get("lists"), array)
  if wrong then return "MALFORMED_REQUEST", wrong .. ": " .. must_be, {wrong} end
  local enums = route:get("enums")
  local named = match(text, "^([%w_.%[%]]+): ")
  local enum = named and enums and enums[(gsub(named, "%[%d+%]", ""))]
  if enum then return "VALIDATION_FAILED", named .. ": " .. enum, {named}, "422" end
  if named then
    local kind = match(text, " for type TYPE_(%w+)")
      or match(text, " for type type.googleapis.com/([%w_.]+)")
    local kinds = route:get("lists")
    local is = kinds and kinds[named] and "an array" or TYPES[kind] or
      find(kind or "", "^emporium%.") and "an object" or "of another type"
    return "MALFORMED_REQUEST", named .. ": must be " .. is, {named}
  end
  local said = match(text, "^[^\n]*")
  if content_type and not is_json(content_type) then
    return "UNSUPPORTED_MEDIA_TYPE", "send JSON, with 'Content-Type: application/json'", {}, "415"
  end
  if coding and lower(coding) ~= "identity" then
    return "UNSUPPORTED_MEDIA_TYPE", "send the body as it is, without 'Content-Encoding'", {}, "415"
  end
  if SAID[said] then return "MALFORMED_REQUEST", SAID[said], {} end
  local known = JSON_ERRORS[said] and ": " .. said or ""
  return "MALFORMED_REQUEST", "the body is not the JSON that is expected" .. known, {}
end

return {told = told}

end)()

local oauth = (function()

-- A refusal as RFC 6749, section 5.2, words it, for the rpcs that the contract answers so: `errors`
-- are its `oauth_errors` (protos/emporium/options/v1/options.proto, message Bare).

local char, concat, gsub = string.char, table.concat, string.gsub

-- Whose fault the call's failing is not.
local BY_STATUS = {
  ["429"] = "temporarily_unavailable",
  ["503"] = "temporarily_unavailable",
  ["504"] = "temporarily_unavailable",
}

local function error_of(errors, reason, status)
  if errors[reason] then return errors[reason] end
  if status == "401" then return "invalid_client" end
  if BY_STATUS[status] then return BY_STATUS[status] end
  return tonumber(status) < 500 and "invalid_request" or "server_error"
end

local function status_of(error, status, by_edge)
  if error == "invalid_client" then return "401" end
  if by_edge or status == "429" or tonumber(status) >= 500 then return status end
  return "400"
end

-- The RFC allows neither quotes nor backslashes, nor anything beyond ASCII. `message` is a string of
-- JSON, with its quotes.
local function plain(message)
  local text = gsub(message:sub(2, -2), '\\"', "'")
  text = gsub(text, "\\u00([2-7]%x)", function(code) return char(tonumber(code, 16)) end)
  text = gsub(text, "\\u%x%x%x%x", "?")
  text = gsub(text, "\\.", "?")
  return (gsub(text, "[^ !#-Z%[%]^-~]", "?"))
end

-- The body of `refused`, an error as rest.lua has it; its status; and the scheme to sign in by where
-- that is what is missing.
local function refusal(errors, refused, status, by_edge)
  local error = error_of(errors, refused.code, status)
  local body = concat {'{"error":"', error, '","error_description":"', plain(refused.message), '"}'}
  return body, status_of(error, status, by_edge), error == "invalid_client" and "Basic"
end

return {refusal = refusal}

end)()

local errors = (function()

-- What an error's reply says, whoever refused: a service, whose google.rpc.Status the transcoder has
-- printed, or a filter of this edge.

local byte, concat, find, ipairs, match, sub =
  string.byte, table.concat, string.find, ipairs, string.match, string.sub

-- `refusals`, `unreadable` and `json_text` are what the files of these names return.
local closing, quoted = json_text.closing, json_text.quoted

-- An error has a `code`, and `message` and `details` as JSON.
local function failure(error, id)
  return concat {'{"status":"error","error":{"code":"', error.code, '","message":', error.message,
                 ',"details":', error.details, '},"request_id":"', id, '"}'}
end

-- The details without ErrorInfo and RequestInfo, which the envelope has elsewhere.
local function remaining(details)
  local kept, depth, at, start = {}, 0, 1, nil
  while true do
    local stop = find(details, '["{}]', at)
    if not stop then break end
    local met = byte(details, stop)
    at = stop + 1
    if met == 34 then
      at = (closing(details, at) or #details) + 1
    elseif met == 123 then
      depth = depth + 1
      if depth == 1 then start = stop end
    else
      depth = depth - 1
      if depth == 0 then
        local one = sub(details, start, stop)
        local name = match(one, '^{"@type":"type.googleapis.com/google.rpc.(%w+)"')
        if name ~= "ErrorInfo" and name ~= "RequestInfo" then kept[#kept + 1] = one end
      end
    end
  end
  return "[" .. concat(kept, ",") .. "]"
end

-- A service's error: google.rpc.Status, as the transcoder prints it. Returns nil without a
-- reason of ours, because the text may then hold anything.
local function service_error(json)
  local _, before = find(json, '^{"code":%d+,"message":"')
  if not before then return nil end
  local stop = closing(json, before + 1) or #json + 1
  local details = match(json, '^,"details":(%[.*%])}%s*$', stop + 1)
  local code = details and
    match(details, '^%[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"([A-Z0-9_]+)"')
  if not code then return nil end
  local wait = match(details, '"retry_delay":"(%d+)')
  return {code = code, message = sub(json, before, stop), details = remaining(details)}, wait
end

-- What a message says of the field, which a violation names beside it; as EmporiumError has it.
local function described(message, field)
  local named = field .. ": "
  return sub(message, 1, #named) == named and sub(message, #named + 1) or message
end

-- An error that the edge itself made. Returns both statuses too.
local function edge_error(handle, cause, status, text, wait)
  local route, headers = handle:metadata(), handle:headers()
  if cause and status == "400" and find(cause, "grpc_json_transcode", 1, true) then
    -- Of what type and coding the request was, the reply's headers say.
    local noted = handle:streamInfo():dynamicMetadata():get("emporium") or {}
    local code, message, fields, better = unreadable.told(
      text, route, headers:get("x-emporium-kind"), headers:get("x-emporium-coding"), noted.array)
    local violations = {}
    for n, field in ipairs(fields) do
      violations[n] = concat {
        '{"field":', quoted(field), ',"description":', quoted(described(message, field)), "}"}
    end
    local details = fields[1] and concat {
      '[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[',
      concat(violations, ","), "]}]"}
    return {code = code, message = quoted(message), details = details or "[]"}, better or status, 3
  end
  local row = refusals.row(cause, status)
  local message = refusals.known(handle, row, wait, route:get("body_bytes_max"))
  return {code = row[3], message = quoted(message), details = "[]"}, row[1], row[2]
end

return {edge_error = edge_error, failure = failure, service_error = service_error}

end)()

-- Gives every REST reply its envelope, whoever made it: a service, through the transcoder, or a
-- filter of this edge; and what the edge refuses by gRPC or gRPC-Web, the details that services give.
-- It shapes what others decided; what services say by native gRPC, and streams, pass untouched.

local concat, find, gsub, match, sub =
  table.concat, string.find, string.gsub, string.match, string.sub

-- `guard`, `json_text`, `refusals`, `oauth` and `errors` are what the files of these names return: all
-- are put together in generated/rest.lua.
local at_least_one, note, wait_of = refusals.at_least_one, refusals.note, refusals.wait_of

local function is_grpc(content_type) return find(content_type or "", "^application/grpc") ~= nil end

local function is_of_rpc(path) return find(path, "^/emporium%.") or find(path, "^/grpc%.reflection%.") end

-- The path decides whether a call is REST, as it decides the route; a content type is only a claim.
-- A call to an rpc's path that is not gRPC is refused, in the envelope.
local function is_rest(headers)
  return not is_of_rpc(headers:get(":path") or "") or not is_grpc(headers:get("content-type"))
end

-- A caller's own request id is kept, with characters replaced that are unfit for logs and headers.
local function clean(id)
  if #id > 64 then id = sub(id, 1, 64) end
  if find(id, "[^%w._-]") then id = gsub(id, "[^%w._-]", "_") end
  return id
end

local function success(json, id)
  local meta = json_text.meta_of(json)
  if meta then
    return concat {'{"status":"success","data":', sub(json, 1, meta - 1), "}", sub(json, meta, -2),
                   ',"request_id":"', id, '"}'}
  end
  return concat {'{"status":"success","data":', json, ',"request_id":"', id, '"}'}
end

-- Whether If-None-Match names the etag; weak and strong ones compare as equal.
local function unchanged(none_match, etag)
  return none_match == "*" or find("," .. gsub(none_match, "[%s]", ""), '"' .. etag .. '"', 1, true)
end

-- Whether If-Match leaves out the etag: it names a strong one, which may lack its quotes, as the services take it.
local function is_other(demanded, etag)
  if demanded == "*" or demanded == etag then return false end
  local tags = "," .. gsub(demanded, "[%s]", "") .. ","
  return not (etag and find(tags, ',"' .. etag .. '",', 1, true))
end

-- What the edge has read in a token is known by this name; nothing is, where there is none.
local TOKENS = "envoy.filters.http.jwt_authn"

local OUTDATED = {
  code = "ETAG_MISMATCH", message = json_text.quoted("it has another etag by now"), details = "[]",
}

-- gRPC's outcome is in the envelope. The transcoder leaves it in the headers too, and in trailers,
-- which HTTP/2 would show.
local function drop_outcome(fields)
  fields:remove("grpc-status")
  fields:remove("grpc-message")
  fields:remove("grpc-status-details-bin")
end

-- Compression is told to leave a reply to HEAD alone: it would make something of nothing.
local function emptied(headers, body, length)
  if body:length() > 0 then body:setBytes("") end
  headers:replace("content-length", tostring(length))
  headers:replace("cache-control", (headers:get("cache-control") or "no-store") .. ", no-transform")
end

-- Words the refusal, and tells the log.
local function refuse(call)
  local headers, error, wait = call.headers, nil, nil
  if not call.cause then error, wait = errors.service_error(call.text) end
  if not error then
    wait = wait_of(headers, call.status)
    error, call.status, call.grpc_status =
      errors.edge_error(call.handle, call.cause, call.status, call.text, wait)
  end
  if wait then headers:replace("retry-after", at_least_one(wait)) end
  local scheme = call.status == "401" and "Bearer"
  local of_oauth = call.bare and call.bare.oauth_errors
  if of_oauth then
    call.reply, call.status, scheme = oauth.refusal(of_oauth, error, call.status, call.cause)
  else
    call.reply = errors.failure(error, call.id)
  end
  if scheme then headers:replace("www-authenticate", scheme .. ' realm="emporium"') end
  note(call.handle, error.code, call.grpc_status)
end

-- A success that a standard outside of this API words.
local function bare_success(call)
  call.reply = call.text
  call.headers:replace("content-type", call.bare.media_type)
  call.headers:replace("cache-control", call.bare.cache_control)
  call.headers:replace("vary", "Origin")
  note(call.handle, nil, call.grpc_status)
end

-- Says who may keep the answer, as the contract declares it. An etag alone lets its caller ask whether
-- it still is so.
local function keep(call, declared)
  local by_token = call.handle:streamInfo():dynamicMetadata():get(TOKENS)
  local control = declared and (by_token and declared.caller or declared.anyone)
  call.headers:replace("cache-control", control or "private, no-cache")
  -- A page of one origin may not be given what was kept for another's; nor, of what is not asked for
  -- anew, one person what was kept for another.
  call.headers:replace("vary", declared and "Origin, Authorization" or "Origin")
end

local function enveloped_success(call)
  local headers = call.headers
  local etag = (call.has_first_etag and json_text.first_etag_of or json_text.etag_of)(call.text)
  local verb = headers:get("x-emporium-verb")
  local is_read = verb == "GET" or verb == "HEAD"
  -- Of a change, the service has looked at it.
  local demanded = is_read and headers:get("x-emporium-if-match")
  if demanded and is_other(demanded, etag) then
    call.status, call.reply = "412", errors.failure(OUTDATED, call.id)
    return note(call.handle, OUTDATED.code, "10")
  end
  if etag or call.cache then keep(call, call.cache) end
  if etag then
    headers:replace("etag", '"' .. etag .. '"')
    local none_match = is_read and headers:get("x-emporium-if-none-match")
    if none_match and unchanged(none_match, etag) then call.status = "304" end
  end
  call.reply = success(call.text, call.id)
  note(call.handle, nil, call.grpc_status)
end

local function send(call, body, before)
  local headers, reply, status = call.headers, call.reply, call.status
  if status ~= before then headers:replace(":status", status) end
  if not reply or status == "204" or status == "304" then
    if body:length() > 0 then body:setBytes("") end
    headers:remove("content-length")
    headers:remove("content-type")
    return
  end
  if call.cause then headers:replace("content-type", "application/json") end
  if headers:get("x-emporium-verb") == "HEAD" then return emptied(headers, body, #reply) end
  headers:replace("content-length", tostring(body:setBytes(reply)))
end

local function envelope(handle, cause, content_type)
  local headers = handle:headers()
  if cause then
    local asked = headers:get("x-emporium-kind")
    local web = asked and find(asked, "^application/grpc%-web") and asked
    if web or is_grpc(content_type) then
      return refusals.by_grpc(handle, cause, web, clean(headers:get("x-request-id") or ""))
    end
  end
  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
  -- A HEAD that Envoy has answered whole: the transcoder always prints something.
  if not cause and text == "" then return end
  local trailers = handle:trailers()
  -- Fetched again: what was fetched before the body does not outlive the wait for it.
  headers = handle:headers()
  local before, route = headers:get(":status"), handle:metadata()
  local call = {
    handle = handle, headers = headers, cause = cause, text = text,
    id = clean(headers:get("x-request-id") or ""),
    status = headers:get("x-http-status") or before,
    grpc_status = headers:get("grpc-status"),
    bare = route:get("bare"),
    cache = route:get("cache"),
    has_first_etag = route:get("etag") == "first",
    reply = nil,
  }
  if trailers then drop_outcome(trailers) end
  drop_outcome(headers)
  -- RFC 6749, sections 5.1 and 5.2, has it beside `no-store`.
  if call.bare and call.bare.oauth_errors then headers:replace("pragma", "no-cache") end
  if cause and find(cause, "^health_check_ok") then
    call.reply = success('{"ok":true}', call.id)
  elseif tonumber(before) >= 400 then
    refuse(call)
  elseif not cause then
    if call.bare then bare_success(call) else enveloped_success(call) end
  end
  send(call, body, before)
end

-- Behind the edge headers are metadata of gRPC, which is ASCII: who reads other bytes there can only
-- guess at them. And there are programs to which `a_b` is `a-b`: they would take a header for one that
-- the edge has checked. Envoy wants each look at all headers to come to its end.
local function odd_header(headers)
  local odd, wrong
  for name, value in pairs(headers) do
    if find(value, "[\128-\255]") then odd, wrong = name, refusals.NOT_ASCII end
    if find(name, "_", 1, true) then odd, wrong = name, refusals.UNDERSCORE end
  end
  return odd, wrong
end

-- Marks the call as REST, and brings some headers into the form that filters and services know; refuses
-- the call where one has none.
local function announce(handle)
  local headers = handle:headers()
  local id = headers:get("x-request-id")
  if id and (#id > 64 or find(id, "[^%w._-]")) then headers:replace("x-request-id", clean(id)) end
  local token = headers:get("authorization")
  if token and not find(token, "^Bearer [^ ]") then
    -- RFC 9110: the name of a scheme has no case, and spaces follow it.
    token = match(token, "^[Bb][Ee][Aa][Rr][Ee][Rr] +(.*)")
    if token then headers:replace("authorization", "Bearer " .. token) end
  end
  local odd, wrong = odd_header(headers)
  local rest = is_rest(headers)
  local verb = headers:get(":method")
  if rest then
    headers:replace("x-emporium-door", "rest")
    -- Asked as GET, and answered without the body.
    if verb == "HEAD" then
      verb = "GET"
      headers:replace(":method", verb)
    end
  end
  if odd then
    refusals.note_odd(handle, odd, wrong)
    handle:respond({[":status"] = "400"})
  end
end

function envoy_on_request(handle) guard.request(announce, handle) end

function envoy_on_response(handle) guard.reply(envelope, handle) end
