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
