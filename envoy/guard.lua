-- Keeps a script that fails from more than its own work, which then is not done.

local find, pcall, tostring = string.find, pcall, tostring

local function request(work, handle)
  local worked, problem = pcall(work, handle)
  if not worked then handle:logErr("a script failed: " .. tostring(problem)) end
end

-- Does `work` with a reply that is the edge's own, or JSON: nobody shapes any other. It gets Envoy's
-- name for what happened, nil for a service's reply, and the content type.
local function reply(work, handle)
  local headers = handle:headers()
  local cause, content_type = headers:get("x-emporium-edge"), headers:get("content-type")
  if not cause and not find(content_type or "", "^application/json") then return end
  local worked, problem = pcall(work, handle, cause, content_type)
  if not worked then handle:logErr("a script failed: " .. tostring(problem)) end
end

return {reply = reply, request = request}
