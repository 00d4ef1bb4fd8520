"""Joining, leaving, moving, keeping."""

from __future__ import annotations

JOIN = """
-- KEYS cw:journal
-- ARGV now, contact, queue, max_size ('' for none), JSON of the entry's fields (all strings; joined_at, priority,
--      channel, medium, holder, caller, customer_id, language, skills, last_agent, data, leg, number, not_before);
--      `once` is '1' for a contact that joins only while the store knows nothing of it
-- Gives the state it is in; 'full'.
local now, contact, queue, most, given = ARGV[1], ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[5])
local key = 'cw:entry:' .. contact
local entry = hash(key)
if given.once == '1' and next(entry) ~= nil then return entry.state end
if in_queue(entry) or entry.state == 'connected' then
  if given.holder ~= '' and entry.leg ~= 'absent' then
    redis.call('HSET', key, 'holder', given.holder)
    redis.call('ZADD', 'cw:kept', now, contact)
  end
  return entry.state
end
if most ~= '' and given.leg ~= 'absent' and redis.call('ZCARD', 'cw:queue:' .. queue) >= tonumber(most) then
  return 'full'
end
redis.call('DEL', key)
set(key, given)
set(key, {queue = queue, queued_at = given.queued_at or given.joined_at, state = 'waiting', offers = '', offer = '',
    visited = given.visited or ''})
if given.moved == '1' then redis.call('HSET', key, 'queued_at', now) end
redis.call('ZADD', 'cw:queue:' .. queue, rank(given), contact)
redis.call('ZADD', 'cw:entries', given.joined_at, contact)
if given.holder ~= '' and given.leg ~= 'absent' then redis.call('ZADD', 'cw:kept', now, contact) end
if given.leg == 'absent' then
  redis.call('SADD', 'cw:callbacks:number:' .. given.number, contact)
  if given.customer_id ~= '' then redis.call('SADD', 'cw:callbacks:customer:' .. given.customer_id, contact) end
end
journal('queue.joined', now, contact, queue, '', '', {
  joined_at = tonumber(given.joined_at), channel = given.channel, priority = tonumber(given.priority),
  customer_id = given.customer_id, caller = given.caller, language = given.language, holder = given.holder,
  skills = given.skills, data = given.data, last_agent = given.last_agent, leg = given.leg, number = given.number,
  not_before = tonumber(given.not_before), attempts = tonumber(given.attempts or '0'),
  requested_at = given.requested_at, known_as = given.known_as, size = redis.call('ZCARD', 'cw:queue:' .. queue)})
if given.leg == 'absent' and given.restored ~= '1' then
  journal('callback.requested', now, contact, queue, '', '', {
    number = given.number, customer_id = given.customer_id, at = tonumber(given.not_before)})
end
return 'waiting'
"""

PLACE = """
-- KEYS (none)
-- ARGV contact
-- Gives state, queue, position (from 1; 0 out of the queue), waiting, joined_at, leg; '' for an unknown contact.
local entry = hash('cw:entry:' .. ARGV[1])
if next(entry) == nil then return {''} end
local queue = 'cw:queue:' .. entry.queue
local position = redis.call('ZRANK', queue, ARGV[1])
return {entry.state, entry.queue, position and position + 1 or 0, redis.call('ZCARD', queue), entry.joined_at,
        entry.leg}
"""

KEEP = """
-- KEYS cw:kept
-- ARGV now, holder, lease in seconds, then by twos: contact, offer by which it is in conversation, or being dialled
--      ('' for none)
-- Gives the contacts that the store doesn't know, or took for lost, or has without knowing of that offer.
local unknown = {}
for i = 4, #ARGV, 2 do
  local contact, by = ARGV[i], ARGV[i + 1]
  local key = 'cw:entry:' .. contact
  local entry = hash(key)
  if next(entry) == nil or (entry.state == 'left' and entry.why == 'lost')
      or (by ~= '' and entry.offer ~= by and redis.call('EXISTS', 'cw:offer:' .. by) == 0) then
    unknown[#unknown + 1] = contact
  elseif entry.leg == 'absent' then
    -- The holder is dialling a callback: its offer goes on.
    local offer = entry.offer or ''
    if offer ~= '' and redis.call('HGET', 'cw:offer:' .. offer, 'holder') == ARGV[2] then
      redis.call('ZADD', 'cw:leases', 'XX', 'GT', tonumber(ARGV[1]) + tonumber(ARGV[3]), offer)
    end
  elseif in_queue(entry) or entry.state == 'connected' then
    redis.call('HSET', key, 'holder', ARGV[2])
    redis.call('ZADD', KEYS[1], ARGV[1], contact)
  end
end
return unknown
"""

LEAVE = """
-- KEYS cw:journal
-- ARGV now, contact, why, '1' to do so only if it wasn't kept since, since
-- Gives 'left', 'was' (left before), 'no'.
local now, contact, why = ARGV[1], ARGV[2], ARGV[3]
local entry = hash('cw:entry:' .. contact)
if entry.state == 'left' then return 'was' end
if not in_queue(entry) then return 'no' end
if ARGV[4] == '1' then
  local kept = redis.call('ZSCORE', 'cw:kept', contact)
  if not kept or tonumber(kept) > tonumber(ARGV[5]) then return 'no' end
end
withdraw(contact, entry, now, '', why)
if entry.leg == 'absent' then
  journal('callback.cancelled', now, contact, entry.queue, '', '', {why = why})
end
leave(contact, entry, 'left', why, now)
journal('queue.left', now, contact, entry.queue, '', '', {
  why = why, seconds = tonumber(now) - tonumber(entry.queued_at)})
return 'left'
"""

SET_PRIORITY = """
-- KEYS cw:journal
-- ARGV now, contact, priority
local entry = hash('cw:entry:' .. ARGV[2])
if not in_queue(entry) then return 'no' end
if entry.priority == ARGV[3] then return 'was' end
redis.call('HSET', 'cw:entry:' .. ARGV[2], 'priority', ARGV[3])
entry.priority = ARGV[3]
redis.call('ZADD', 'cw:queue:' .. entry.queue, rank(entry), ARGV[2])
journal('queue.priority', ARGV[1], ARGV[2], entry.queue, '', '', {priority = tonumber(ARGV[3])})
return 'set'
"""

MOVE = """
-- KEYS cw:journal
-- ARGV now, contact, to, why, from ('' for any)
-- Only a waiting entry moves; one that is being offered stays until that has come to something.
local now, contact, to = ARGV[1], ARGV[2], ARGV[3]
local entry = hash('cw:entry:' .. contact)
if in_queue(entry) and entry.queue == to then return 'was' end
if entry.state ~= 'waiting' or (ARGV[5] ~= '' and entry.queue ~= ARGV[5]) then return 'no' end
redis.call('ZREM', 'cw:queue:' .. entry.queue, contact)
redis.call('ZADD', 'cw:queue:' .. to, rank(entry), contact)
set('cw:entry:' .. contact, {queue = to, queued_at = now, visited = entry.visited .. ' ' .. entry.queue})
journal('queue.moved', now, contact, to, '', '', {from = entry.queue, why = ARGV[4]})
return 'moved'
"""

PAUSE = """
-- KEYS cw:journal
-- ARGV now, contact, '1' to pause, '' to go on
-- A contact that does something else for a while keeps its place, and isn't offered. Gives 'yes', 'no'.
local now, contact = ARGV[1], ARGV[2]
local entry = hash('cw:entry:' .. contact)
if entry.state ~= 'waiting' and entry.state ~= 'offered' then return 'no' end
if (entry.paused or '') == ARGV[3] then return 'yes' end
if ARGV[3] == '1' and entry.state == 'offered' then
  withdraw(contact, entry, now, '', 'paused')
  wait_again(contact, entry, now)
end
redis.call('HSET', 'cw:entry:' .. contact, 'paused', ARGV[3])
journal(ARGV[3] == '1' and 'queue.paused' or 'queue.resumed', now, contact, entry.queue)
return 'yes'
"""

PROMISE = """
-- KEYS cw:journal
-- ARGV now, contact, position, JSON of the estimate ('' if none was said)
local entry = hash('cw:entry:' .. ARGV[2])
if not in_queue(entry) then return 'no' end
local said = {announced_at = ARGV[1], announced_position = ARGV[3]}
if ARGV[4] ~= '' then
  said.announced_estimate = ARGV[4]
  if (entry.promised or '') == '' then said.promised = ARGV[4] end
  local data = cjson.decode(ARGV[4])
  data.position = tonumber(ARGV[3])
  journal('estimate.promised', ARGV[1], ARGV[2], entry.queue, '', '', data)
end
set('cw:entry:' .. ARGV[2], said)
return 'said'
"""
