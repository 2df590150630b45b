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

-- Both names of a oneof of which the body has more than one, where `oneofs` are those of the route.
local function exclusive(text, oneofs)
  local group = match(text, "oneof field '([%w_]+)' is already set%. Cannot set '[%w_]+' for type oneof")
  local names = group and oneofs and oneofs[group]
  if not names then return nil end
  local fields = {}
  for name in gmatch(names, "[^,]+") do fields[#fields + 1] = name end
  return "MALFORMED_REQUEST", "send one of " .. concat(fields, " and ") .. ", not both", fields
end

-- Whether a body of that type could have been read. Where the caller named none, there stands the one
-- that the transcoder sends on.
local function is_json(content_type)
  local kind = match(lower(content_type), "^%s*([^;%s]*)")
  return kind == "" or kind == "application/json" or kind == "application/grpc" or
    find(kind, "%+json$") ~= nil
end

-- The reason, the message, the fields at fault where they are known, and the status where it is not
-- 400. `route` has sentences for its enums, and the fields of its oneofs; `content_type` and `coding`
-- are the body's.
local function told(text, route, content_type, coding)
  local field = match(text, '^Could not find field "(.-)" in the type')
  if field then return "UNKNOWN_FIELD", "the request has no field '" .. field .. "'", {field} end
  local bound = match(text, "of the field ([%w_.]+) is conflicting with the value .* in the body")
  if bound then return "MALFORMED_REQUEST", "'" .. bound .. "' is said by the path", {bound} end
  local code, message, fields = exclusive(text, route:get("oneofs"))
  if code then return code, message, fields end
  local enums = route:get("enums")
  local named = match(text, "^([%w_.%[%]]+): ")
  local enum = named and enums and enums[(gsub(named, "%[%d+%]", ""))]
  if enum then return "VALIDATION_FAILED", named .. ": " .. enum, {named}, "422" end
  if named then
    local kind = match(text, " for type TYPE_(%w+)")
      or match(text, " for type type.googleapis.com/([%w_.]+)")
    return "MALFORMED_REQUEST", named .. ": must be " .. (TYPES[kind] or "of another type"), {named}
  end
  local said = match(text, "^[^\n]*")
  if content_type and not is_json(content_type) then
    return "UNSUPPORTED_MEDIA_TYPE", "send JSON, with 'Content-Type: application/json'", {}, "415"
  end
  if coding and lower(coding) ~= "identity" then
    return "UNSUPPORTED_MEDIA_TYPE", "send the body as it is, without 'Content-Encoding'", {}, "415"
  end
  local known = JSON_ERRORS[said] and ": " .. said or ""
  return "MALFORMED_REQUEST", "the body is not the JSON that is expected" .. known, {}
end

return {told = told}
