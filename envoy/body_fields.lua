-- Reports to the service which fields a JSON body names, in the header x-body-fields: the transcoder
-- drops those it does not know, so that a typo would silently have no effect. The service compares
-- them with its message; this script refuses nothing.
--
-- `{"items": [{"sku": "A"}, {"sku": "B", "n": 1}]}` is reported as `items,items.sku,items.n`.
-- What cannot be reported is a `?`, which is the name of no field: an odd character in a
-- key, JSON that is not strict, or that there was more than the bounds below allow.

local byte, concat, find, gsub, sub = string.byte, table.concat, string.find, string.gsub, string.sub

local PATHS, LEVELS, BYTES = 200, 60, 4096

-- The position of the quote that ends the JSON string whose contents begin at `at`. Looks for quotes
-- and then back, because that skips a long value far faster than reading it.
local function closing(text, at)
  local stop = find(text, '"', at, true)
  while stop do
    local before = stop - 1
    while before >= at and byte(text, before) == 92 do before = before - 1 end
    if (stop - before) % 2 == 1 then return stop end -- an even number of backslashes, or none
    stop = find(text, '"', stop + 1, true)
  end
  return nil
end

-- The distinct paths that `text` names, comma separated, in the order they are met.
local function fields(text)
  local seen, list, count, size = {}, {}, 0, 0
  local known = {}                -- path -> key -> path below it, so that each is built once
  local stack, depth = {}, 0
  local here, below = "", nil     -- the object we are in; what the next bracket opens
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

  while true do
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
        local siblings = known[here]
        if not siblings then siblings = {}; known[here] = siblings end
        below = siblings[key]
        if not below then
          local clean = key == "" and "?" or gsub(sub(key, 1, 128), "[^%w_]", "?")
          below = here == "" and clean or here .. "." .. clean
          siblings[key] = below
          if not report(below) then break end
        end
        at = find(text, ":", stops + 1, true) + 1
      else
        at = stops + 1
      end
    elseif met == 123 or met == 91 then                      -- { [
      depth = depth + 1
      if depth > LEVELS then report("?") break end
      stack[depth] = here
      here = below or here
      below = nil
    elseif met == 125 or met == 93 then                      -- } ]
      here = stack[depth] or ""
      depth = depth > 0 and depth - 1 or 0
      below = nil
    else                                                     -- ' or a colon after no "key"
      report("?")
      break
    end
  end
  return concat(list, ",")
end

local function describe(handle)
  local headers = handle:headers()
  if headers:get("x-emporium-door") ~= "rest" or headers:get(":method") == "GET" then return end
  local body = handle:body()
  local report = ""
  if body then report = fields(body:getBytes(0, body:length())) end
  -- Fetched again: the object from above is not valid after the wait for the body.
  handle:headers():replace("x-body-fields", report)
end

function envoy_on_request(handle)
  local worked, problem = pcall(describe, handle)
  if not worked then handle:logErr("body_fields: " .. tostring(problem)) end
end
