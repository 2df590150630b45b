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
