-- What an error's reply says, whoever refused: a service, whose google.rpc.Status the transcoder has
-- printed, or a filter of this edge.

local byte, concat, find, ipairs, match, sub =
  string.byte, table.concat, string.find, ipairs, string.match, string.sub

-- `refusals`, `unreadable` and `json_text` are what the files of these names return.
local closing, quoted = json_text.closing, json_text.quoted

-- An error has a `code`, and `message` and `details` as JSON.
local function failure(error, id)
  return concat {'{"status":"error","error":{"code":"', error.code, '","message":', error.message,
                 ',"details":', error.details, '},"request_id":"', id, '"}'}
end

-- The details without ErrorInfo and RequestInfo, which the envelope has elsewhere.
local function remaining(details)
  local kept, depth, at, start = {}, 0, 1, nil
  while true do
    local stop = find(details, '["{}]', at)
    if not stop then break end
    local met = byte(details, stop)
    at = stop + 1
    if met == 34 then
      at = (closing(details, at) or #details) + 1
    elseif met == 123 then
      depth = depth + 1
      if depth == 1 then start = stop end
    else
      depth = depth - 1
      if depth == 0 then
        local one = sub(details, start, stop)
        local name = match(one, '^{"@type":"type.googleapis.com/google.rpc.(%w+)"')
        if name ~= "ErrorInfo" and name ~= "RequestInfo" then kept[#kept + 1] = one end
      end
    end
  end
  return "[" .. concat(kept, ",") .. "]"
end

-- A service's error: google.rpc.Status, as the transcoder prints it. Returns nil without a
-- reason of ours, because the text may then hold anything.
local function service_error(json)
  local _, before = find(json, '^{"code":%d+,"message":"')
  if not before then return nil end
  local stop = closing(json, before + 1) or #json + 1
  local details = match(json, '^,"details":(%[.*%])}%s*$', stop + 1)
  local code = details and
    match(details, '^%[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"([A-Z0-9_]+)"')
  if not code then return nil end
  local wait = match(details, '"retry_delay":"(%d+)')
  return {code = code, message = sub(json, before, stop), details = remaining(details)}, wait
end

-- What a message says of the field, which a violation names beside it; as EmporiumError has it.
local function described(message, field)
  local named = field .. ": "
  return sub(message, 1, #named) == named and sub(message, #named + 1) or message
end

-- An error that the edge itself made. Returns both statuses too.
local function edge_error(handle, cause, status, text, wait)
  local route, headers = handle:metadata(), handle:headers()
  if cause and status == "400" and find(cause, "grpc_json_transcode", 1, true) then
    -- Of what type and coding the request was, the reply's headers say.
    local noted = handle:streamInfo():dynamicMetadata():get("emporium") or {}
    local code, message, fields, better = unreadable.told(
      text, route, headers:get("x-emporium-kind"), headers:get("x-emporium-coding"), noted.array)
    local violations = {}
    for n, field in ipairs(fields) do
      violations[n] = concat {
        '{"field":', quoted(field), ',"description":', quoted(described(message, field)), "}"}
    end
    local details = fields[1] and concat {
      '[{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[',
      concat(violations, ","), "]}]"}
    return {code = code, message = quoted(message), details = details or "[]"}, better or status, 3
  end
  local row = refusals.row(cause, status)
  local message = refusals.known(handle, row, wait, route:get("body_bytes_max"))
  return {code = row[3], message = quoted(message), details = "[]"}, row[1], row[2]
end

return {edge_error = edge_error, failure = failure, service_error = service_error}
