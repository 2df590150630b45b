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
