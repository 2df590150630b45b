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
