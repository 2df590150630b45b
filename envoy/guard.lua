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
