-- Envoy's handle of a call, as far as the edge's scripts use it: what they write, `calls` holds.

-- As Envoy's own LuaJIT has it, which is built with more of Lua 5.2.
local plain_pairs = pairs
function pairs(of)
  local met = getmetatable(of)
  if met and met.__pairs then return met.__pairs(of) end
  return plain_pairs(of)
end

local function fields(known)
  local made = setmetatable({known = known}, {__pairs = function(of) return plain_pairs(of.known) end})
  function made:get(name) return self.known[name] end
  function made:replace(name, value)
    assert(type(name) == "string" and type(value) == "string", "a header is text")
    self.known[name] = value
  end
  function made:remove(name) self.known[name] = nil end
  return made
end

local function buffer(bytes)
  local made = {bytes = bytes}
  function made:length() return #self.bytes end
  function made:getBytes(from, size)
    -- As Envoy has it: asking for what is not there is an error.
    assert(from + size <= #self.bytes, "index/length must be >= 0 and (index + length) must be <=")
    return string.sub(self.bytes, from + 1, from + size)
  end
  function made:setBytes(written)
    assert(type(written) == "string", "a body is text")
    self.bytes = written
    return #written
  end
  return made
end

-- `bytes` is nil where there is no body.
return function(headers, bytes, metadata, trailers)
  local call = {headers = fields(headers), noted = {}, errors = {}, responded = nil}
  call.body = bytes and buffer(bytes)
  local handle = {}
  function handle:headers() return call.headers end
  function handle:body(always)
    if not call.body and always then call.body = buffer("") end
    return call.body
  end
  function handle:trailers() return trailers and fields(trailers) end
  function handle:metadata()
    return {get = function(_, name) return metadata[name] end}
  end
  function handle:streamInfo()
    local noted = {set = function(_, filter, name, value) call.noted[filter .. "." .. name] = value end}
    function noted:get(filter)
      local found
      for name, value in plain_pairs(call.noted) do
        local known = string.match(name, "^" .. filter .. "%.(.*)")
        if known then found = found or {}; found[known] = value end
      end
      return found
    end
    return {dynamicMetadata = function() return noted end}
  end
  function handle:base64Escape(text) return text end
  function handle:logErr(text) call.errors[#call.errors + 1] = text end
  function handle:respond(with, body) call.responded = with end
  return handle, call
end
