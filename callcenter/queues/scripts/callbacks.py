"""Callbacks: an entry whose leg is absent."""

from __future__ import annotations

from callcenter.queues.scripts.entries import JOIN

REQUEST = """
-- KEYS cw:journal
-- ARGV now, contact, number, at ('0': when its turn comes)
-- The entry stays where it is and waits; its leg may go. An agent who has just accepted is let go: both aren't
-- connected yet. Gives 'yes', 'was', 'no' (not in a queue).
local now, contact = ARGV[1], ARGV[2]
local entry = hash('cw:entry:' .. contact)
if not in_queue(entry) then return 'no' end
if entry.leg == 'absent' then
  if entry.number == ARGV[3] and entry.not_before == ARGV[4] then return 'was' end
  return 'no'
end
withdraw(contact, entry, now, '', 'callback')
set('cw:entry:' .. contact, {leg = 'absent', number = ARGV[3], not_before = ARGV[4], holder = '', attempts = 0,
    medium = 'voice', state = 'waiting', offers = '', offer = '', requested_at = now, paused = ''})
redis.call('ZREM', 'cw:kept', contact)
redis.call('SADD', 'cw:callbacks:number:' .. ARGV[3], contact)
if entry.customer_id ~= '' then redis.call('SADD', 'cw:callbacks:customer:' .. entry.customer_id, contact) end
journal('callback.requested', now, contact, entry.queue, '', '', {
  number = ARGV[3], customer_id = entry.customer_id, at = tonumber(ARGV[4])})
return 'yes'
"""

MOVE = """
-- KEYS cw:journal
-- ARGV now, contact, number ('' as it is), at, why ('': somebody asked for it)
-- Whoever asks for another time isn't to be called now: a dial that is being placed is taken back. The router's own
-- wish to wait (`why`) changes nothing about one.
local now, contact = ARGV[1], ARGV[2]
local entry = hash('cw:entry:' .. contact)
if not in_queue(entry) or entry.leg ~= 'absent' then return 'no' end
if entry.state ~= 'waiting' then
  if ARGV[5] ~= '' then return 'no' end
  withdraw(contact, entry, now, '', 'moved')
  wait_again(contact, entry, now)
end
local number = ARGV[3] == '' and entry.number or ARGV[3]
if number ~= entry.number then
  redis.call('SREM', 'cw:callbacks:number:' .. entry.number, contact)
  redis.call('SADD', 'cw:callbacks:number:' .. number, contact)
end
set('cw:entry:' .. contact, {number = number, not_before = ARGV[4]})
journal('callback.moved', now, contact, entry.queue, '', '', {number = number, at = tonumber(ARGV[4]), why = ARGV[5]})
return 'yes'
"""

TAKE = (
    """
-- KEYS cw:journal
-- ARGV as JOIN's, and the contact whose callback gives its place away
-- The person is on the line now instead of being called back. A contact's own callback gets its leg back; another
-- contact's place goes over to this one with all that it waited. A dial that is being placed is taken back; whichever
-- is first, this or the conversation. Gives the state, or 'gone' where nothing waits there any more, 'elsewhere' where
-- it has been moved to another queue meanwhile.
local from = ARGV[6]
local old = hash('cw:entry:' .. from)
if not in_queue(old) or old.leg ~= 'absent' then return 'gone' end
if old.queue ~= ARGV[3] then return 'elsewhere' end
local mine = hash('cw:entry:' .. ARGV[2])
if from ~= ARGV[2] and (in_queue(mine) or mine.state == 'connected') then return mine.state end
withdraw(from, old, ARGV[1], '', 'on_the_line')
journal('callback.cancelled', ARGV[1], from, old.queue, '', '', {
  why = 'on_the_line', by = ARGV[2], joined_at = tonumber(old.joined_at)})
if from == ARGV[2] then
  forget_callback(from, old)
  wait_again(from, old, ARGV[1])
  local given = cjson.decode(ARGV[5])
  set('cw:entry:' .. from, {leg = 'present', number = '', holder = given.holder, medium = given.medium, paused = ''})
  if given.holder ~= '' then redis.call('ZADD', 'cw:kept', ARGV[1], from) end
  return 'waiting'
end
leave(from, old, 'left', 'on_the_line', ARGV[1])
journal('queue.left', ARGV[1], from, old.queue, '', '', {why = 'on_the_line'})
"""
    + JOIN
)

TRIED = """
-- KEYS cw:journal
-- ARGV now, offer, result, spacing in seconds, calls at most, seconds after which it is given up
-- The customer wasn't reached: the agent is free at once, the entry keeps its place and waits for the next call.
-- Gives 'again', 'failed', 'was' (noted before), 'no'.
local now, id = ARGV[1], ARGV[2]
local o = hash('cw:offer:' .. id)
if o.state == 'refused' and (o.result or '') ~= '' then return 'was' end
if o.callback ~= '1' or (o.state ~= 'offered' and o.state ~= 'accepted') then return 'no' end
local entry = hash('cw:entry:' .. o.contact)
redis.call('HSET', 'cw:offer:' .. id, 'result', ARGV[3])
end_offer(id, o, 'refused', now)
local attempts = redis.call('HINCRBY', 'cw:entry:' .. o.contact, 'attempts', 1)
local since = math.max(tonumber(entry.requested_at or entry.joined_at), tonumber(entry.not_before or '0'))
if attempts == 1 then redis.call('HSET', 'cw:entry:' .. o.contact, 'due_at', string.format('%.6f', since))
else since = tonumber(entry.due_at or since) end
local again = tonumber(now) + tonumber(ARGV[4])
local last = attempts >= tonumber(ARGV[5]) or again - since > tonumber(ARGV[6])
journal('callback.tried', now, o.contact, o.queue, o.agent, id, {
  result = ARGV[3], attempts = attempts, number = entry.number, language = entry.language, last = last,
  at = again})
if last then
  leave(o.contact, entry, 'left', 'callback_failed', now)
  journal('callback.failed', now, o.contact, o.queue, '', id, {
    attempts = attempts, number = entry.number, result = ARGV[3], language = entry.language})
  journal('queue.left', now, o.contact, o.queue, '', '', {why = 'callback_failed'})
  return 'failed'
end
wait_again(o.contact, entry, now, string.format('%.6f', again))
return 'again'
"""

RESTORE = """
-- KEYS cw:journal
-- ARGV now, offer, contact, agent, device, holder, state ('offered', 'accepted'), lease_until
-- A dial that the store has forgotten goes on. Gives 'yes'; 'unknown' while the contact or the agent isn't there again
-- either; 'no' where the callback is over, somebody else is dialling, or the agent is being asked for another contact.
local now, id, contact, agent, holder = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local o = hash('cw:offer:' .. id)
if next(o) ~= nil then
  return (o.state == 'offered' or o.state == 'accepted') and o.holder == holder and 'yes' or 'no'
end
local entry, a = hash('cw:entry:' .. contact), hash('cw:agent:' .. agent)
if next(entry) == nil then return 'unknown' end
if not in_queue(entry) or entry.leg ~= 'absent' then return 'no' end
local mine = false
for other in string.gmatch(entry.offers or '', '%S+') do
  if (redis.call('HGET', 'cw:offer:' .. other, 'holder') or '') ~= '' then return 'no' end
  mine = mine or other == a.offer
end
if next(a) == nil then return 'unknown' end
if (a.offer or '') ~= '' and not mine then return 'no' end
withdraw(contact, entry, now, '', 'restored')
set('cw:offer:' .. id, {contact = contact, agent = agent, queue = entry.queue, medium = 'voice', state = ARGV[7],
    device = ARGV[5], made_at = now, lease_until = ARGV[8], holder = holder, callback = '1'})
redis.call('ZADD', 'cw:leases', ARGV[8], id)
redis.call('SADD', 'cw:agent_offers:' .. agent, id)
redis.call('HSET', 'cw:agent:' .. agent, 'offer', id)
set('cw:entry:' .. contact, {state = ARGV[7], offers = id, offer = id})
journal('callback.restored', now, contact, entry.queue, agent, id, {state = ARGV[7], holder = holder})
settle(agent, now)
return 'yes'
"""
