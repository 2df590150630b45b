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
