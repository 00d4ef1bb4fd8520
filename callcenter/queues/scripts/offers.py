"""From the claim to the end of wrap-up."""

from __future__ import annotations

CLAIM = """
-- KEYS cw:journal
-- ARGV now, lease_until, contact, queue, medium, JSON list of
--      {agent, offer, capacity, interrupts: [medium...]}
-- Gives the offers made, none if the contact no longer waits there or none of the agents is free.
local now, lease, contact, queue, medium = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local entry = hash('cw:entry:' .. contact)
if entry.state ~= 'waiting' or entry.queue ~= queue or tonumber(entry.not_before) > tonumber(now)
   or entry.paused == '1' then return {} end
local made = {}
for _, want in ipairs(cjson.decode(ARGV[6])) do
  local key = 'cw:agent:' .. want.agent
  local a = hash(key)
  local free = a.presence == 'available' and (a.offer or '') == ''
               and tonumber(a.blocked_until or '0') <= tonumber(now)
               and tonumber(a['load:' .. medium] or '0') < want.capacity
  if free then
    local may = {}
    for _, other in ipairs(want.interrupts) do may[other] = true end
    for name, count in pairs(a) do
      local other = string.match(name, '^load:(.+)$')
      if other and other ~= medium and tonumber(count) > 0 and not may[other] then free = false end
    end
  end
  if free then
    made[#made + 1] = want.offer
    set('cw:offer:' .. want.offer, {contact = contact, agent = want.agent, queue = queue, medium = medium,
        state = 'offered', device = a.device, made_at = now, lease_until = lease, holder = '',
        callback = entry.leg == 'absent' and '1' or ''})
    redis.call('ZADD', 'cw:leases', lease, want.offer)
    redis.call('SADD', 'cw:agent_offers:' .. want.agent, want.offer)
    set(key, {offer = want.offer, ['offered:' .. queue] = now})
    journal(entry.leg == 'absent' and 'callback.due' or 'offer.made', now, contact, queue, want.agent, want.offer,
            {lease_until = tonumber(lease), device = a.device, medium = medium, capacity = want.capacity,
             number = entry.number, holder = entry.holder, attempts = tonumber(entry.attempts or '0')})
    settle(want.agent, now)
  end
end
if #made > 0 then
  set('cw:entry:' .. contact, {state = 'offered', offers = table.concat(made, ' '), offer = made[1]})
end
return made
"""

CLAIM_CALLBACK = """
-- KEYS cw:journal
-- ARGV now, offer, holder, lease_until
-- The first process to ask dials. Gives 'yes', 'no'.
local o = hash('cw:offer:' .. ARGV[2])
if o.callback ~= '1' or (o.state ~= 'offered' and o.state ~= 'accepted') then return 'no' end
if o.holder ~= '' then return o.holder == ARGV[3] and 'yes' or 'no' end
set('cw:offer:' .. ARGV[2], {holder = ARGV[3], lease_until = ARGV[4]})
redis.call('ZADD', 'cw:leases', ARGV[4], ARGV[2])
journal('callback.dialling', ARGV[1], o.contact, o.queue, o.agent, ARGV[2], {holder = ARGV[3]})
return 'yes'
"""

ACCEPT = """
-- KEYS cw:journal
-- ARGV now, offer, lease_until
local now, id = ARGV[1], ARGV[2]
local o = hash('cw:offer:' .. id)
if o.state == 'accepted' or o.state == 'connected' or o.state == 'wrap_up' or o.state == 'done' then return 'yes' end
if o.state ~= 'offered' then return 'no' end
local entry = hash('cw:entry:' .. o.contact)
if entry.state ~= 'offered' then return 'no' end
set('cw:offer:' .. id, {state = 'accepted', accepted_at = now, lease_until = ARGV[3]})
redis.call('ZADD', 'cw:leases', ARGV[3], id)
withdraw(o.contact, entry, now, id, 'taken')
set('cw:entry:' .. o.contact, {state = 'accepted', offers = id, offer = id})
redis.call('HSET', 'cw:agent:' .. o.agent, 'no_answers', 0)
journal('offer.accepted', now, o.contact, o.queue, o.agent, id, {seconds = tonumber(now) - tonumber(o.made_at)})
return 'yes'
"""

CONNECTED = """
-- KEYS cw:journal
-- ARGV now, offer
-- Gives 'yes', 'no', 'unknown' (there was no such offer, for a day).
local now, id = ARGV[1], ARGV[2]
local o = hash('cw:offer:' .. id)
if next(o) == nil then return 'unknown' end
if o.state == 'connected' or o.state == 'wrap_up' or o.state == 'done' then return 'yes' end
if o.state ~= 'offered' and o.state ~= 'accepted' then return 'no' end
local entry = hash('cw:entry:' .. o.contact)
if entry.state ~= 'offered' and entry.state ~= 'accepted' then return 'no' end
withdraw(o.contact, entry, now, id, 'taken')
set('cw:offer:' .. id, {state = 'connected', connected_at = now, accepted_at = o.accepted_at or now})
redis.call('ZREM', 'cw:leases', id)
local agent = 'cw:agent:' .. o.agent
redis.call('HSET', agent, 'offer', '', 'no_answers', 0)
redis.call('HINCRBY', agent, 'live', 1)
redis.call('HINCRBY', agent, 'load:' .. o.medium, 1)
leave(o.contact, entry, 'connected', 'connected', now)
redis.call('HSET', 'cw:entry:' .. o.contact, 'offer', id, 'last_agent', o.agent)
if entry.leg == 'absent' then
  -- The leg is there now; whoever dialled holds it.
  redis.call('HSET', 'cw:entry:' .. o.contact, 'leg', 'present', 'holder', o.holder)
  if o.holder ~= '' then redis.call('ZADD', 'cw:kept', now, o.contact) end
end
journal('offer.connected', now, o.contact, o.queue, o.agent, id,
        {waited = tonumber(now) - tonumber(entry.joined_at), medium = o.medium})
if entry.leg == 'absent' then
  journal('callback.done', now, o.contact, o.queue, o.agent, id, {number = entry.number})
end
settle(o.agent, now)
call_back_no_more(o.contact, entry, now, math.huge)
return 'yes'
"""

REFUSE = """
-- KEYS cw:journal
-- ARGV now, offer, why, delay in seconds, no-answers until unavailable ('0': doesn't count as one),
--      '1' only if the lease is over
local now, id, why = ARGV[1], ARGV[2], ARGV[3]
local o = hash('cw:offer:' .. id)
if o.state == 'refused' or o.state == 'expired' then return 'yes' end
if o.state ~= 'offered' and o.state ~= 'accepted' then return 'no' end
if ARGV[6] == '1' then
  local lease = redis.call('ZSCORE', 'cw:leases', id)
  if lease and tonumber(lease) > tonumber(now) then return 'no' end
end
local entry = hash('cw:entry:' .. o.contact)
end_offer(id, o, why == 'expired' and 'expired' or 'refused', now,
          tonumber(ARGV[4]) > 0 and string.format('%.6f', tonumber(now) + tonumber(ARGV[4])) or nil)
local left = {}
for other in string.gmatch(entry.offers or '', '%S+') do if other ~= id then left[#left + 1] = other end end
if entry.state == 'offered' or (entry.state == 'accepted' and entry.offer == id) then
  if #left == 0 then wait_again(o.contact, entry, now)
  else set('cw:entry:' .. o.contact, {offers = table.concat(left, ' '), offer = left[1]}) end
end
journal(why == 'expired' and 'offer.expired' or 'offer.refused', now, o.contact, o.queue, o.agent, id, {why = why})
if ARGV[5] ~= '0' then
  local agent = 'cw:agent:' .. o.agent
  if redis.call('HINCRBY', agent, 'no_answers', 1) >= tonumber(ARGV[5])
     and redis.call('HGET', agent, 'presence') == 'available' then
    redis.call('HSET', agent, 'presence', 'unavailable', 'reason', 'no_answer', 'no_answers', 0)
    journal('agent.unavailable', now, '', '', o.agent, id, {why = 'no_answer'})
    journal('agent.presence', now, '', '', o.agent, '', {presence = 'unavailable', reason = 'no_answer'})
    settle(o.agent, now)
  end
end
return 'yes'
"""

COMPLETE = """
-- KEYS cw:journal
-- ARGV now, offer, why, wrap-up in seconds, '1' if a code is required, '1' only if its leg wasn't kept since, since
local now, id = ARGV[1], ARGV[2]
local o = hash('cw:offer:' .. id)
if o.state == 'wrap_up' or o.state == 'done' then return 'yes' end
if o.state ~= 'connected' then return 'no' end
if ARGV[6] == '1' then
  local kept = redis.call('ZSCORE', 'cw:kept', o.contact)
  if not kept or tonumber(kept) > tonumber(ARGV[7]) then return 'no' end
end
redis.call('HSET', 'cw:entry:' .. o.contact, 'state', 'done')
redis.call('EXPIRE', 'cw:entry:' .. o.contact, KEPT_SECONDS)
redis.call('ZREM', 'cw:kept', o.contact)
release(o.contact, now)
finish(id, o, ARGV[3], now, tonumber(ARGV[4]), ARGV[5] == '1')
return 'yes'
"""

WRAPPED_UP = """
-- KEYS cw:journal
-- ARGV now, agent, offer, code, note, '1' if the time is over
local now, agent, id = ARGV[1], ARGV[2], ARGV[3]
local o = hash('cw:offer:' .. id)
if o.agent ~= agent then return 'no' end
if o.state == 'done' then return 'yes' end
if o.state == 'connected' and ARGV[6] ~= '1' then
  set('cw:offer:' .. id, {code = ARGV[4], note = ARGV[5]})
  return 'yes'
end
if o.state ~= 'wrap_up' then return 'no' end
if ARGV[6] == '1' and (o.required == '1' or tonumber(o.wrap_until) > tonumber(now)) then return 'no' end
if ARGV[6] ~= '1' and o.required == '1' and ARGV[4] == '' then return 'code' end
free_slot(id, o, now)
journal('wrap_up.done', now, o.contact, o.queue, agent, id, {code = ARGV[4], note = ARGV[5], timer = ARGV[6] == '1'})
return 'yes'
"""

TRANSFER = """
-- KEYS cw:journal
-- ARGV now, offer, to, priority, wrap-up in seconds, '1' if a code is required, why
-- From a conversation back into a queue: with the original joined_at, never with a lower priority.
local now, id, to = ARGV[1], ARGV[2], ARGV[3]
local o = hash('cw:offer:' .. id)
local key = 'cw:entry:' .. (o.contact or '')
local entry = hash(key)
if o.state ~= 'connected' or entry.state ~= 'connected' then
  return (o.transferred or '') ~= '' and 'yes' or 'no'
end
entry.priority = tostring(math.max(tonumber(entry.priority), tonumber(ARGV[4])))
redis.call('HSET', 'cw:offer:' .. id, 'transferred', to)
release(o.contact, now)
set(key, {queue = to, queued_at = now, state = 'waiting', offers = '', offer = '', priority = entry.priority,
          not_before = '0', leg = 'present', visited = '', why = ''})
redis.call('PERSIST', key)
redis.call('ZADD', 'cw:queue:' .. to, rank(entry), o.contact)
redis.call('ZADD', 'cw:entries', entry.joined_at, o.contact)
finish(id, o, ARGV[7], now, tonumber(ARGV[5]), ARGV[6] == '1')
journal('queue.joined', now, o.contact, to, '', '', {
  joined_at = tonumber(entry.joined_at), channel = entry.channel, priority = tonumber(entry.priority),
  customer_id = entry.customer_id, caller = entry.caller, language = entry.language, holder = entry.holder,
  skills = entry.skills, data = entry.data, last_agent = o.agent, leg = 'present', number = '', not_before = 0,
  attempts = 0, known_as = entry.known_as, transferred = id, size = redis.call('ZCARD', 'cw:queue:' .. to)})
return 'yes'
"""

HAND_OVER = """
-- KEYS cw:journal
-- ARGV now, offer, agent, the new offer's id, device, wrap-up in seconds, '1' if a code is required, why
-- The conversation goes on with another agent, who is busy from now on. Gives the new offer's id; '' if the first one
-- isn't in conversation. Again gives the same id.
local now, id, agent, new = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local o = hash('cw:offer:' .. id)
if (o.handed or '') ~= '' then return o.handed end
local key = 'cw:entry:' .. (o.contact or '')
local entry = hash(key)
local a = hash('cw:agent:' .. agent)
if o.state ~= 'connected' or entry.state ~= 'connected' or next(a) == nil or o.agent == agent then return '' end
redis.call('HSET', 'cw:offer:' .. id, 'handed', new)
release(o.contact, now, agent)
finish(id, o, ARGV[8], now, tonumber(ARGV[6]), ARGV[7] == '1')
set('cw:offer:' .. new, {contact = o.contact, agent = agent, queue = o.queue, medium = o.medium, state = 'connected',
    device = ARGV[5], made_at = now, lease_until = now, accepted_at = now, connected_at = now, holder = o.holder or '',
    callback = ''})
redis.call('SADD', 'cw:agent_offers:' .. agent, new)
redis.call('HINCRBY', 'cw:agent:' .. agent, 'live', 1)
redis.call('HINCRBY', 'cw:agent:' .. agent, 'load:' .. o.medium, 1)
set(key, {state = 'connected', offer = new, last_agent = agent})
redis.call('PERSIST', key)
journal('offer.restored', now, o.contact, o.queue, agent, new, {connected_at = tonumber(now), handed = id})
settle(agent, now)
return new
"""
