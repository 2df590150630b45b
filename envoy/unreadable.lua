-- What is told of a request that the transcoder could not read: its own message, in our words and
-- without the values in it.

local gsub, match = string.gsub, string.match

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

-- The reason, the message, the field at fault where it is known, and the status where it is not 400.
-- `enums` are the sentences that the route has for its enums.
local function told(text, enums)
  local field = match(text, '^Could not find field "(.-)" in the type')
  if field then return "UNKNOWN_FIELD", "the request has no field '" .. field .. "'", field end
  local named = match(text, "^([%w_.%[%]]+): ")
  local enum = named and enums and enums[(gsub(named, "%[%d+%]", ""))]
  if enum then return "VALIDATION_FAILED", named .. ": " .. enum, named, "422" end
  if named then
    local kind = match(text, " for type TYPE_(%w+)")
      or match(text, " for type type.googleapis.com/([%w_.]+)")
    return "MALFORMED_REQUEST", named .. ": must be " .. (TYPES[kind] or "of another type"), named
  end
  local said = match(text, "^[^\n]*")
  local known = JSON_ERRORS[said] and ": " .. said or ""
  return "MALFORMED_REQUEST", "the body is not the JSON that is expected" .. known
end

return {told = told}
