-- Made from envoy/guard.lua, envoy/json_text.lua, envoy/body_fields.lua by `make generate`; not to be edited.
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

-- Tells the service what a REST caller names: in x-body-fields the fields of a JSON body, of which
-- the transcoder drops those it does not know, so that a typo would silently do nothing; in
-- x-query-fields those of the query, which the transcoder lets override what the path says; in
-- x-body-bytes that there is a body at all; in x-body-type and x-body-coding which type and coding it
-- has, where it is not plainly JSON; and in x-accept what types the caller takes, where that is not all. The service compares them
-- with its message; this script decides nothing.
--
-- `{"items": [{"sku": "A"}, {"sku": "B", "n": 1}]}` is reported as `items,items.sku,items.n`.
-- What one object, or the query, names twice is reported once more: as `+sku` where it is the same
-- name, as `~user_id` where it is `user_id` and `userId`, which JSON tells apart and protobuf not.
-- What the report cannot say, it says with `?`, which is the name of no field: an odd character in a
-- key, or that there was more than the bounds below allow. `!` is JSON that is not strict, where the
-- report ends; `!sku` a list that is no array, which the transcoder would make one of; `*items` an
-- array with a null in it, which the transcoder would leave out.

local byte, concat, find, gsub, match, sub =
  string.byte, table.concat, string.find, string.gsub, string.match, string.sub

-- `json_text` and `guard` are what the files of these names return: generated/body_fields.lua has all.
local closing = json_text.closing

-- The longest request of the contract, an order of 1,000 lines, has some 7,000 tokens. Of more than
-- 20,000 the rest is not read, and need not be: the service refuses so many, and names what there is
-- too much of. They take some 3 ms, in which this worker serves nobody else.
local PATHS, LEVELS, TOKENS, BYTES = 200, 60, 20000, 4096

-- Behind what an array begins with, or behind another element of it: in an object a name comes next.
local FIRST_IS_NULL, NEXT_IS_NULL = "^[ \t\r\n]*null", "^[ \t\r\n]*,[ \t\r\n]*null"

-- Of a header that says types. `Accept` of a browser has some 150.
local TYPE_BYTES = 1024

-- A field's name in JSON, whichever of its two spellings `name` is.
local function camel(name) return (gsub(name, "_(%w)", string.upper)) end

-- The same name as the contract has it.
local function snake(name) return (gsub(name, "%u", function(c) return "_" .. string.lower(c) end)) end

-- Where `text` has, in front of the bracket at `stop`, a comma that strict JSON has not.
local function ends_in_comma(text, stop)
  local last = byte(text, stop - 1)
  while last == 32 or last == 10 or last == 13 or last == 9 do
    stop = stop - 1
    last = byte(text, stop - 1)
  end
  return last == 44
end

-- The distinct paths that `text` names, comma separated, in the order they are met; and the first that
-- has an array and is none of `lists`, for errors.lua: of such a one the transcoder tells no name.
local function fields(text, lists)
  local seen, list, count, size = {}, {}, 0, 0
  local known = {}                -- path -> key -> what is known of it: spares building it once more
  local spelled = {}              -- path -> name in JSON -> the object that named it last
  local objects, object = 0, 0    -- how many there were; the one that we are in
  local stack, around, depth = {}, {}, 0
  local here, below = "", nil     -- the object we are in; what the next bracket opens
  local is_list, array = false, nil -- whether that is one of `lists`
  local at = 1

  local function report(path)
    if seen[path] then return true end
    seen[path] = true
    count, size = count + 1, size + #path + 1
    if count > PATHS or size > BYTES then
      list[#list + 1] = "?"
      return false
    end
    list[#list + 1] = path
    return true
  end

  local function report_null(path) return path == "" or report("*" .. path) end

  for _ = 1, TOKENS do
    -- What may stand between these, a number or a word, names no field.
    local stop = find(text, "[\"{}%[%]':]", at)
    if not stop then break end
    local met = byte(text, stop)
    at = stop + 1
    if met == 34 then                                        -- "
      local stops = closing(text, at)
      if not stops then break end
      local colon = find(text, "^[ \t\r\n]*:", stops + 1)
      if colon then
        local key = sub(text, at, stops - 1)
        at = find(text, ":", stops + 1, true) + 1
        local siblings = known[here]
        if not siblings then siblings = {}; known[here] = siblings; spelled[here] = {} end
        local met_before = siblings[key]
        if not met_before then
          local clean = key == "" and "?" or gsub(sub(key, 1, 128), "[^%w_]", "?")
          local path = here == "" and clean or here .. "." .. clean
          met_before = {path = path, name = camel(key), is_list = lists and lists[snake(path)]}
          siblings[key] = met_before
          if not report(path) then break end
          if met_before.is_list and not find(text, "^[ \t\r\n]*[%[n]", at) then report("!" .. path) end
        end
        below, is_list = met_before.path, met_before.is_list
        local names = spelled[here]
        if met_before.object == object then
          if not report("+" .. below) then break end
        elseif names[met_before.name] == object then
          if not report("~" .. below) then break end
        end
        met_before.object, names[met_before.name] = object, object
      else
        at = stops + 1
        if find(text, NEXT_IS_NULL, at) and not report_null(here) then break end
      end
    elseif met == 123 or met == 91 then                      -- { [
      depth = depth + 1
      if depth > LEVELS then report("?") break end
      if met == 91 and below and not is_list then array = array or below end
      stack[depth], around[depth] = here, object
      objects = objects + 1
      object = objects
      here = below or here
      below = nil
      if met == 91 and find(text, FIRST_IS_NULL, at) and not report_null(here) then break end
    elseif met == 125 or met == 93 then                      -- } ]
      if ends_in_comma(text, stop) then report("!") break end
      here, object = stack[depth] or "", around[depth] or 0
      depth = depth > 0 and depth - 1 or 0
      below = nil
      if find(text, NEXT_IS_NULL, at) and not report_null(here) then break end
    else                                                     -- ' or a colon after no "key"
      report("!")
      break
    end
  end
  return concat(list, ","), array
end

-- The names in the query of `path`, comma separated.
local function query_fields(path)
  local query = match(path, "%?(.*)$") or ""
  local seen, list, size = {}, {}, 0
  for pair in string.gmatch(query, "[^&]+") do
    local name = gsub(match(pair, "^[^=]*"), "%%(%x%x)", function(code)
      return string.char(tonumber(code, 16))
    end)
    name = name == "" and "?" or gsub(sub(name, 1, 128), "[^%w_.]", "?")
    local spelling = camel(name)
    if seen[spelling] then name = "+" .. name end
    seen[spelling] = true
    size = size + #name + 1
    if #list == PATHS or size > BYTES then
      list[#list + 1] = "?"
      break
    end
    list[#list + 1] = name
  end
  return concat(list, ",")
end

-- A header of the caller as one that gRPC takes.
local function plain(value) return (gsub(sub(value, 1, TYPE_BYTES), "[^ -~]", "?")) end

local function describe(handle)
  local headers = handle:headers()
  if headers:get("x-emporium-door") ~= "rest" then return end
  local accept = headers:get("accept")
  if accept and accept ~= "*/*" then headers:replace("x-accept", plain(accept)) end
  headers:replace("x-query-fields", query_fields(headers:get(":path")))
  local body = handle:body()
  local report, array, bytes = "", nil, body and body:length() or 0
  if bytes > 0 then
    report, array = fields(body:getBytes(0, bytes), handle:metadata():get("lists"))
    if array then handle:streamInfo():dynamicMetadata():set("emporium", "array", array) end
  end
  -- Fetched again: the one from above does not outlive the wait for the body.
  headers = handle:headers()
  headers:replace("x-body-fields", report)
  headers:replace("x-body-bytes", tostring(bytes))
  if bytes == 0 then return end
  local content_type, coding = headers:get("content-type"), headers:get("content-encoding")
  if content_type and content_type ~= "application/json" then
    headers:replace("x-body-type", plain(content_type))
  end
  if coding then headers:replace("x-body-coding", plain(coding)) end
end

function envoy_on_request(handle) guard.request(describe, handle) end
