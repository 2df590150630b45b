-- Gives every REST reply its envelope, whoever made it: a service, through the transcoder, or a
-- filter of this edge; and what the edge refuses by gRPC or gRPC-Web, the details that services give.
-- It shapes what others decided; what services say by native gRPC, and streams, pass untouched.
--
-- It reads JSON as text, which is safe for one reason: inside a JSON string every quote is escaped,
-- so `,"meta":{` can only be the end of one member and the beginning of another.

local byte, concat, find, format, gsub, match, max, sub =
  string.byte, table.concat, string.find, string.format, string.gsub, string.match, math.max, string.sub

-- `refusals`, `unreadable` and `oauth` are what the files of these names return: all are put
-- together in generated/rest.lua.
local at_least_one, note, wait_of = refusals.at_least_one, refusals.note, refusals.wait_of

-- How far from the end `meta` can begin: a page token has at most 1,536 characters.
local META_BYTES = 2048

local function is_grpc(content_type) return find(content_type or "", "^application/grpc") ~= nil end

-- The path decides whether a call is REST, as it decides the route; a content type is only a claim.
-- A call to an rpc's path that is not gRPC is refused, in the envelope.
local function is_rest(headers)
  return not find(headers:get(":path") or "", "^/emporium%.") or not is_grpc(headers:get("content-type"))
end

-- A caller's own request id is kept, with characters replaced that are unfit for logs and headers.
local function clean(id)
  if #id > 64 then id = sub(id, 1, 64) end
  if find(id, "[^%w._-]") then id = gsub(id, "[^%w._-]", "_") end
  return id
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

-- The position of the quote that ends the JSON string whose contents begin at `at`.
local function closing(json, at)
  local stop = find(json, '"', at, true)
  while stop do
    local before = stop - 1
    while before >= at and byte(json, before) == 92 do before = before - 1 end
    if (stop - before) % 2 == 1 then return stop end -- an even number of backslashes, or none
    stop = find(json, '"', stop + 1, true)
  end
  return #json + 1
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

local function success(json, id)
  local meta = meta_of(json)
  if meta then
    return concat {'{"status":"success","data":', sub(json, 1, meta - 1), "}", sub(json, meta, -2),
                   ',"request_id":"', id, '"}'}
  end
  return concat {'{"status":"success","data":', json, ',"request_id":"', id, '"}'}
end

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
      at = closing(details, at) + 1
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
  local stop = closing(json, before + 1)
  local details = match(json, '^,"details":(%[.*%])}%s*$', stop + 1)
  local code = details and
    match(details, '^%[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"([A-Z0-9_]+)"')
  if not code then return nil end
  local wait = match(details, '"retry_delay":"(%d+)')
  return {code = code, message = sub(json, before, stop), details = remaining(details)}, wait
end

-- An error that the edge itself made. Returns both statuses too.
local function edge_error(handle, cause, status, text, wait)
  local route = handle:metadata()
  if cause and status == "400" and find(cause, "grpc_json_transcode", 1, true) then
    local code, message, fields, better = unreadable.told(text, route)
    local said, violations = quoted(message), {}
    for n, field in ipairs(fields) do
      violations[n] = concat {'{"field":', quoted(field), ',"description":', said, "}"}
    end
    local details = fields[1] and concat {
      '[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[',
      concat(violations, ","), "]}]"}
    return {code = code, message = said, details = details or "[]"}, better or status, 3
  end
  local row = refusals.row(cause, status)
  local message = refusals.known(handle, row, wait, route:get("body_bytes_max"))
  return {code = row[3], message = quoted(message), details = "[]"}, row[1], row[2]
end

-- Whether If-None-Match names the etag; weak and strong ones compare as equal.
local function unchanged(none_match, etag)
  return none_match == "*" or find("," .. gsub(none_match, "[%s]", ""), '"' .. etag .. '"', 1, true)
end

-- The etag of a single resource: its last member, but for numbers and the like.
local function etag_of(json)
  return match(sub(json, -160), ',"etag":"([^"\\]+)"[%w_":,]*}$')
end

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

local function envelope(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type")
  local cause = headers:get("x-emporium-edge")
  if cause then
    local asked = headers:get("x-emporium-kind")
    local web = asked and find(asked, "^application/grpc%-web") and asked
    if web or is_grpc(content_type) then
      return refusals.by_grpc(handle, cause, web, clean(headers:get("x-request-id") or ""))
    end
  elseif not content_type or not find(content_type, "^application/json") then return end

  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
  -- A HEAD that Envoy has answered whole: the transcoder always prints something.
  if not cause and text == "" then return end
  local trailers = handle:trailers()
  -- Fetched again: what was fetched before the body does not outlive the wait for it.
  headers = handle:headers()
  local grpc_status = headers:get("grpc-status")
  if trailers then drop_outcome(trailers) end
  drop_outcome(headers)
  local id = clean(headers:get("x-request-id") or "")
  local before = headers:get(":status")
  local status = headers:get("x-http-status") or before
  local bare = handle:metadata():get("bare")
  -- RFC 6749, sections 5.1 and 5.2, has it beside `no-store`.
  if bare and bare.oauth_errors then headers:replace("pragma", "no-cache") end

  local reply
  if cause and find(cause, "^health_check_ok") then
    reply = success('{"ok":true}', id)
  elseif tonumber(before) >= 400 then
    local error, wait
    if not cause then error, wait = service_error(text) end
    if not error then
      wait = wait_of(headers, status)
      error, status, grpc_status = edge_error(handle, cause, status, text, wait)
    end
    if wait then headers:replace("retry-after", at_least_one(wait)) end
    local scheme = status == "401" and "Bearer"
    if bare and bare.oauth_errors then
      reply, status, scheme = oauth.refusal(bare.oauth_errors, error, status, cause)
    else
      reply = failure(error, id)
    end
    if scheme then headers:replace("www-authenticate", scheme .. ' realm="emporium"') end
    note(handle, error.code, grpc_status)
  elseif bare and not cause then
    reply = text
    headers:replace("content-type", bare.media_type)
    headers:replace("cache-control", bare.cache_control)
    note(handle, nil, grpc_status)
  elseif not cause then
    local etag = etag_of(text)
    if etag then
      headers:replace("etag", '"' .. etag .. '"')
      headers:replace("cache-control", "private, no-cache")
      local none_match = headers:get("x-emporium-if-none-match")
      local verb = headers:get("x-emporium-verb")
      local is_read = verb == "GET" or verb == "HEAD"
      if is_read and none_match and unchanged(none_match, etag) then status = "304" end
    end
    reply = success(text, id)
    note(handle, nil, grpc_status)
  end

  if status ~= before then headers:replace(":status", status) end
  if not reply or status == "204" or status == "304" then
    if body:length() > 0 then body:setBytes("") end
    headers:remove("content-length")
    headers:remove("content-type")
    return
  end
  if cause then headers:replace("content-type", "application/json") end
  if headers:get("x-emporium-verb") == "HEAD" then return emptied(headers, body, #reply) end
  headers:replace("content-length", tostring(body:setBytes(reply)))
end

-- Behind the edge headers are metadata of gRPC, which is ASCII: who reads other bytes there can only
-- guess at them. Envoy wants each look at all headers to come to its end.
local function odd_header(headers)
  local odd
  for name, value in pairs(headers) do
    if find(value, "[\128-\255]") then odd = name end
  end
  return odd
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
  local odd = odd_header(headers)
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
    refusals.note_odd(handle, odd)
    handle:respond({[":status"] = "400"}, "")
  end
end

local function safely(work, handle)
  local worked, problem = pcall(work, handle)
  if not worked then handle:logErr("rest: " .. tostring(problem)) end
end

function envoy_on_request(handle) safely(announce, handle) end

function envoy_on_response(handle) safely(envelope, handle) end
