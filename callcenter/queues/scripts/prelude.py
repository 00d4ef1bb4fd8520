"""What all scripts have in common. Times are strings of seconds, so that Lua doesn't round them on the way."""

from __future__ import annotations

PRELUDE = """
local KEPT_SECONDS = 86400

local function journal(kind, at, contact, queue, agent, offer, data)
  redis.call('XADD', 'cw:journal', '*', 'kind', kind, 'at', at, 'contact', contact or '', 'queue', queue or '',
             'agent', agent or '', 'offer', offer or '', 'data', data and cjson.encode(data) or '{}')
end

local function hash(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function set(key, values)
  local flat = {}
  for name, value in pairs(values) do flat[#flat + 1] = name; flat[#flat + 1] = tostring(value) end
  redis.call('HSET', key, unpack(flat))
end

-- The order of serving as one number: 53 bits hold a priority up to 100 and a tenth of a millisecond.
local function rank(entry) return tonumber(entry.joined_at) - tonumber(entry.priority) * 1e10 end

local function in_queue(entry)
  return entry.state == 'waiting' or entry.state == 'offered' or entry.state == 'accepted'
end

-- What an agent is at follows from the presence and the contacts; a change of it is journalled.
local function settle(agent, at)
  local key = 'cw:agent:' .. agent
  local a = hash(key)
  if next(a) == nil then return end
  local live, wrapping, state = tonumber(a.live or '0'), tonumber(a.wrapping or '0'), 'idle'
  if (a.offer or '') ~= '' then state = 'ringing'
  elseif live > 0 then state = 'busy'
  elseif wrapping > 0 then state = 'wrap_up'
  elseif a.presence == 'offline' then state = 'offline'
  elseif a.presence ~= 'available' then state = 'unavailable' end
  if state == 'offline' then
    redis.call('SREM', 'cw:agents', agent)
    redis.call('ZREM', 'cw:seen', agent)
  end
  if state == 'idle' and a.state ~= 'idle' then set(key, {idle_since = at}) end
  if state ~= a.state then
    set(key, {state = state, since = at})
    journal('agent.state', at, '', '', agent, '', {state = state, was = a.state or ''})
  end
end

-- An offer that hasn't led to a conversation is over: the agent is free, or blocked until a time.
local function end_offer(id, o, state, at, blocked_until)
  redis.call('HSET', 'cw:offer:' .. id, 'state', state, 'ended_at', at)
  redis.call('EXPIRE', 'cw:offer:' .. id, KEPT_SECONDS)
  redis.call('ZREM', 'cw:leases', id)
  redis.call('SREM', 'cw:agent_offers:' .. o.agent, id)
  local key = 'cw:agent:' .. o.agent
  if redis.call('HGET', key, 'offer') == id then
    redis.call('HSET', key, 'offer', '')
    if blocked_until then redis.call('HSET', key, 'blocked_until', blocked_until) end
    settle(o.agent, at)
  end
end

-- All open offers of an entry but one are taken back.
local function withdraw(contact, entry, at, but, why)
  for id in string.gmatch(entry.offers or '', '%S+') do
    if id ~= but then
      local o = hash('cw:offer:' .. id)
      if o.state == 'offered' or o.state == 'accepted' then
        end_offer(id, o, 'withdrawn', at)
        journal('offer.withdrawn', at, contact, entry.queue, o.agent, id, {why = why})
      end
    end
  end
end

local function forget_callback(contact, entry)
  if (entry.number or '') ~= '' then redis.call('SREM', 'cw:callbacks:number:' .. entry.number, contact) end
  if (entry.customer_id or '') ~= '' then
    redis.call('SREM', 'cw:callbacks:customer:' .. entry.customer_id, contact)
  end
end

-- The entry leaves the queue for good, its callback with it.
local function leave(contact, entry, state, why, at)
  local key = 'cw:entry:' .. contact
  redis.call('ZREM', 'cw:queue:' .. entry.queue, contact)
  redis.call('ZREM', 'cw:entries', contact)
  set(key, {state = state, why = why, offers = '', left_at = at})
  if state ~= 'connected' then
    redis.call('ZREM', 'cw:kept', contact)
    redis.call('EXPIRE', key, KEPT_SECONDS)
  end
  if entry.leg == 'absent' then forget_callback(contact, entry) end
end

-- Whether it is known of both who they are, and they aren't the same: they may share a telephone.
local function strangers(one, other)
  local mine, first, second = {}, false, false
  for id in string.gmatch(one.known_as or '', 'person:(%S+)') do mine[id] = true; first = true end
  for id in string.gmatch(other.known_as or '', 'person:(%S+)') do
    if mine[id] then return false end
    second = true
  end
  return first and second
end

-- Nobody is called back who has been served meanwhile, by a conversation of this contact that began at `began`.
local function call_back_no_more(contact, entry, at, began)
  local others = {}
  for _, index in ipairs({(entry.customer_id or '') ~= '' and 'cw:callbacks:customer:' .. entry.customer_id or '',
                          (entry.caller or '') ~= '' and 'cw:callbacks:number:' .. entry.caller or ''}) do
    if index ~= '' then for _, other in ipairs(redis.call('SMEMBERS', index)) do others[other] = true end end
  end
  for key in string.gmatch(entry.known_as or '', '%S+') do
    for _, other in ipairs(redis.call('SMEMBERS', 'cw:callbacks:' .. key)) do others[other] = true end
  end
  for other in pairs(others) do
    local waiting = hash('cw:entry:' .. other)
    local asked = tonumber(waiting.requested_at or '') or 0
    if other ~= contact and in_queue(waiting) and waiting.leg == 'absent' and asked <= tonumber(began)
       and not strangers(entry, waiting) then
      withdraw(other, waiting, at, '', 'served')
      leave(other, waiting, 'left', 'served', at)
      journal('callback.cancelled', at, other, waiting.queue, '', '', {why = 'served', by = contact})
      journal('queue.left', at, other, waiting.queue, '', '', {why = 'served'})
    end
  end
end

-- Offers of the entry are over: it waits again where it was.
local function wait_again(contact, entry, at, not_before)
  set('cw:entry:' .. contact, {state = 'waiting', offers = '', offer = '', not_before = not_before or '0'})
end

-- Work with a contact is over altogether: it no longer counts for the agent.
local function free_slot(id, o, at)
  local key = 'cw:agent:' .. o.agent
  if redis.call('EXISTS', key) == 1 and redis.call('SREM', 'cw:agent_offers:' .. o.agent, id) == 1 then
    if redis.call('HINCRBY', key, 'load:' .. o.medium, -1) <= 0 then redis.call('HDEL', key, 'load:' .. o.medium) end
    redis.call('HINCRBY', key, 'wrapping', -1)
    redis.call('HINCRBY', key, 'handled', 1)
    redis.call('HSET', key, 'no_answers', 0)
  end
  redis.call('HSET', 'cw:offer:' .. id, 'state', 'done', 'ended_at', at)
  redis.call('EXPIRE', 'cw:offer:' .. id, KEPT_SECONDS)
  redis.call('ZREM', 'cw:wrapups', id)
  redis.call('LPUSH', 'cw:handled:' .. o.queue, tonumber(at) - tonumber(o.connected_at))
  redis.call('LTRIM', 'cw:handled:' .. o.queue, 0, 99)
  settle(o.agent, at)
end

-- Agents who were asked during a conversation (all, or only one) are busy with it no longer.
local function release(contact, at, only)
  local key, asked = 'cw:entry:' .. contact, {}
  for agent in string.gmatch(redis.call('HGET', key, 'asked') or '', '%S+') do
    local known = 'cw:agent:' .. agent
    if only and agent ~= only then asked[#asked + 1] = agent
    elseif redis.call('EXISTS', known) == 1 then
      local load = 'load:' .. redis.call('HGET', key, 'medium')
      redis.call('HINCRBY', known, 'live', -1)
      if redis.call('HINCRBY', known, load, -1) <= 0 then redis.call('HDEL', known, load) end
      settle(agent, at)
    end
  end
  if redis.call('HEXISTS', key, 'asked') == 1 then redis.call('HSET', key, 'asked', table.concat(asked, ' ')) end
end

-- The conversation is over. Wrap-up keeps its place in the agent's capacity; a code that was given already ends it.
local function finish(id, o, why, at, wrap_seconds, required)
  local early = (o.code or '') ~= ''
  if redis.call('EXISTS', 'cw:agent:' .. o.agent) == 1 then
    redis.call('HINCRBY', 'cw:agent:' .. o.agent, 'live', -1)
    redis.call('HINCRBY', 'cw:agent:' .. o.agent, 'wrapping', 1)
  end
  journal('offer.done', at, o.contact, o.queue, o.agent, id,
          {why = why, seconds = tonumber(at) - tonumber(o.connected_at), medium = o.medium})
  if early or (wrap_seconds <= 0 and not required) then
    free_slot(id, o, at)
    if early then journal('wrap_up.done', at, o.contact, o.queue, o.agent, id, {code = o.code, note = o.note}) end
    return
  end
  local till = string.format('%.6f', tonumber(at) + wrap_seconds)
  set('cw:offer:' .. id, {state = 'wrap_up', wrap_until = till, required = required and '1' or '', done_at = at})
  if not required then redis.call('ZADD', 'cw:wrapups', till, id) end
  journal('wrap_up.started', at, o.contact, o.queue, o.agent, id, {['until'] = tonumber(till), required = required})
  settle(o.agent, at)
end
"""
