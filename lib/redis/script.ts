// The throttle's record in Redis or Valkey, and the one script that reads and writes it.
//
// A hash for each account, with a field for each attempt that counts. A reservation is a count: if its
// process dies, it still counts, and nobody needs to clean up. The server's clock decides about time.
// The order of reservations and refusals is a number of its own, because a clock can be set back.

import { createHash } from 'node:crypto';

// KEYS[1]: the account's. ARGV: the operation, the id, the digest, the name, the window in ms, and for
// a reservation the most attempts and the lease in ms.
//
// A field's value: "state order began at digest name". State p: reserved, until `at`. State w: refused
// by the KDC, at `at`. `began`: when it was reserved. Times are in µs.
const SOURCE = `
local key, operation, id, digest, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local window = tonumber(ARGV[5]) * 1000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local counted, count, order = {}, 0, 0

local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local state, place, began, at, d, n = string.match(fields[i + 1], '^(%a) (%d+) (%d+) (%d+) (%S+) (%S+)$')
  if not state then return redis.error_reply('ERR kpass: a field that kpass did not write') end
  local each = { state = state, order = tonumber(place), began = tonumber(began), at = tonumber(at),
    digest = d, name = n }
  counted[fields[i]] = each
  count = count + 1
  if each.order > order then order = each.order end
end

local function put(state, began, at)
  counted[id] = { state = state, at = at }
  redis.call('HSET', key, id, string.format('%s %.0f %.0f %.0f %s %s', state, order + 1, began, at, digest, name))
end

local function drop(field)
  counted[field] = nil
  redis.call('HDEL', key, field)
end

local function expire()
  local last = 0
  for _, each in pairs(counted) do if each.at > last then last = each.at end end
  if last > 0 then redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil((last + window) / 1000))) end
end

if operation == 'reserve' then
  local attempts, lease = tonumber(ARGV[6]), tonumber(ARGV[7]) * 1000
  local pending, same = false, false
  if counted[id] then return 'granted' end
  for _, each in pairs(counted) do
    local is_pending = each.state == 'p' and each.at > now
    if is_pending then pending = true end
    if each.digest == digest then
      if each.state == 'w' then return 'refused' end
      if is_pending then same = true end
    end
  end
  if same then return 'wait' end
  if count >= attempts then return pending and 'wait' or 'refused' end
  put('p', now, now + lease)
  expire()
  return 'granted'
end

local mine = counted[id]
if operation == 'wrong' then
  put('w', mine and mine.began or now, now)
else
  if mine then drop(id) end
  if operation == 'right' and mine then
    for field, each in pairs(counted) do
      local before
      if each.state == 'w' then before = each.order < mine.order else before = each.at < mine.began end
      if each.name == name and before then drop(field) end
    end
  end
end
expire()
return 'settled'
`;

export interface Script {
  readonly source: string;
  /** The name of the script in the server. */
  readonly sha1: string;
}

export function scriptOf(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

export const SCRIPT: Script = scriptOf(SOURCE);
