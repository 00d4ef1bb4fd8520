"""Signing in and out, presence, the desk's heartbeat."""

from __future__ import annotations

SIGN_IN = """
-- KEYS cw:journal
-- ARGV now, agent, device
-- What the agent is still at goes on. Gives the state.
local now, agent = ARGV[1], ARGV[2]
local key = 'cw:agent:' .. agent
local a = hash(key)
local changed = a.presence ~= 'available' or a.device ~= ARGV[3]
if next(a) == nil or a.presence == 'offline' then
  set(key, {signed_in_at = now, idle_since = now, handled = 0, no_answers = 0, blocked_until = 0, offer = a.offer or '',
            live = a.live or 0, wrapping = a.wrapping or 0, state = a.state or 'offline'})
end
set(key, {presence = 'available', reason = '', device = ARGV[3]})
redis.call('SADD', 'cw:agents', agent)
if changed then
  journal('agent.presence', now, '', '', agent, '', {presence = 'available', reason = '', device = ARGV[3],
          was = a.presence or 'offline'})
end
settle(agent, now)
return redis.call('HGET', key, 'state')
"""

PRESENCE = """
-- KEYS cw:journal
-- ARGV now, agent, presence, reason, '1' only if the desk hasn't reported since, since
-- Gives 'yes', or 'no' for an agent who isn't signed in.
local now, agent = ARGV[1], ARGV[2]
local key = 'cw:agent:' .. agent
local a = hash(key)
if next(a) == nil then return 'no' end
if ARGV[5] == '1' then
  local seen = redis.call('ZSCORE', 'cw:seen', agent)
  if not seen or tonumber(seen) > tonumber(ARGV[6]) then return 'no' end
end
if a.presence == 'offline' then return ARGV[3] == 'offline' and 'yes' or 'no' end
if a.presence == ARGV[3] and a.reason == ARGV[4] then return 'yes' end
set(key, {presence = ARGV[3], reason = ARGV[4]})
if ARGV[3] == 'available' then set(key, {no_answers = 0, blocked_until = 0}) end
if ARGV[3] == 'offline' then redis.call('ZREM', 'cw:seen', agent) end
journal('agent.presence', now, '', '', agent, '', {presence = ARGV[3], reason = ARGV[4], was = a.presence})
settle(agent, now)
return 'yes'
"""

SKILLS = """
-- KEYS cw:journal
-- ARGV now, agent, JSON of the skills that are changed, until when ('0': as configured again), by whom
-- Whether the agent is signed in or not. Gives 'yes', or 'no' where they are so already.
local now, agent = ARGV[1], ARGV[2]
local key = 'cw:agent:' .. agent
local a = hash(key)
if (a.skills or '{}') == ARGV[3] and (a.skills_until or '0') == ARGV[4] then return 'no' end
if next(a) == nil then
  set(key, {presence = 'offline', reason = '', device = '', state = 'offline', offer = '', live = 0, wrapping = 0})
end
set(key, {skills = ARGV[3], skills_until = ARGV[4]})
journal('agent.skills', now, '', '', agent, '', {skills = ARGV[3], ['until'] = tonumber(ARGV[4]), by = ARGV[5]})
return 'yes'
"""

SEEN = """
-- KEYS cw:seen
-- ARGV now, agent
-- Gives 'yes', or 'no' for an agent who isn't signed in.
local presence = redis.call('HGET', 'cw:agent:' .. ARGV[2], 'presence')
if not presence or presence == 'offline' then return 'no' end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
return 'yes'
"""

RECONNECT = """
-- KEYS cw:journal
-- ARGV now, offer, agent, device, medium, connected_at, contact, JSON of the entry's fields as in JOIN, queue,
--      '1' also if the contact waits
-- A conversation that the store has forgotten. One that it knows stays as it is.
local now, id, agent, contact = ARGV[1], ARGV[2], ARGV[3], ARGV[7]
if redis.call('EXISTS', 'cw:offer:' .. id) == 1 then return 'no' end
local entry = hash('cw:entry:' .. contact)
if entry.state == 'connected' then return 'no' end
if in_queue(entry) then
  if ARGV[10] ~= '1' then return 'no' end
  withdraw(contact, entry, now, '', 'restored')
  leave(contact, entry, 'connected', 'connected', now)
end
local given = cjson.decode(ARGV[8])
set('cw:entry:' .. contact, given)
set('cw:entry:' .. contact, {queue = ARGV[9], queued_at = given.joined_at, state = 'connected', offers = '', offer = id,
    visited = '', leg = 'present', last_agent = agent})
if given.holder ~= '' then redis.call('ZADD', 'cw:kept', now, contact) end
set('cw:offer:' .. id, {contact = contact, agent = agent, queue = ARGV[9], medium = ARGV[5], state = 'connected',
    device = ARGV[4], made_at = ARGV[6], lease_until = ARGV[6], accepted_at = ARGV[6], connected_at = ARGV[6],
    holder = '', callback = ''})
redis.call('SADD', 'cw:agent_offers:' .. agent, id)
local key = 'cw:agent:' .. agent
if redis.call('EXISTS', key) == 0 then
  set(key, {presence = 'available', reason = '', device = ARGV[4], signed_in_at = now, idle_since = now, handled = 0,
            no_answers = 0, blocked_until = 0, offer = '', live = 0, wrapping = 0, state = 'offline'})
end
redis.call('SADD', 'cw:agents', agent)
redis.call('HINCRBY', key, 'live', 1)
redis.call('HINCRBY', key, 'load:' .. ARGV[5], 1)
journal('offer.restored', now, contact, ARGV[9], agent, id, {connected_at = tonumber(ARGV[6])})
if in_queue(entry) and entry.leg == 'absent' then
  journal('callback.done', now, contact, ARGV[9], agent, id, {number = entry.number})
end
call_back_no_more(contact, given, now, ARGV[6])
settle(agent, now)
return 'yes'
"""

RESTORE_WRAP_UP = """
-- KEYS cw:journal
-- ARGV now, offer, contact, agent, queue, medium, connected_at, done_at, until, '1' if a code is required
-- Wrap-up that the store has forgotten, of an agent who is here. What it knows stays as it is.
local now, id, agent, medium = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local key = 'cw:agent:' .. agent
if redis.call('EXISTS', 'cw:offer:' .. id) == 1 or redis.call('EXISTS', key) == 0 then return 'no' end
set('cw:offer:' .. id, {contact = ARGV[3], agent = agent, queue = ARGV[5], medium = medium, state = 'wrap_up',
    device = redis.call('HGET', key, 'device') or '', made_at = ARGV[7], lease_until = ARGV[7], accepted_at = ARGV[7],
    connected_at = ARGV[7], holder = '', callback = '', done_at = ARGV[8], wrap_until = ARGV[9],
    required = ARGV[10]})
redis.call('SADD', 'cw:agent_offers:' .. agent, id)
redis.call('HINCRBY', key, 'wrapping', 1)
redis.call('HINCRBY', key, 'load:' .. medium, 1)
if ARGV[10] ~= '1' then redis.call('ZADD', 'cw:wrapups', ARGV[9], id) end
journal('wrap_up.restored', now, ARGV[3], ARGV[5], agent, id, {['until'] = tonumber(ARGV[9])})
settle(agent, now)
return 'yes'
"""
