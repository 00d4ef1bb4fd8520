"""Who a contact turns out to be after it has joined."""

from __future__ import annotations

IDENTIFY = """
-- KEYS cw:journal
-- ARGV now, contact, customer ('' for nobody), what the person's callbacks are found by (`known_as` of JOIN)
-- If the contact has been served, the callbacks that the person had asked for before are over. Gives 'yes', 'was'
-- (known before), 'no' (not here, or gone unserved).
local now, contact, customer, known = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key = 'cw:entry:' .. contact
local entry = hash(key)
if next(entry) == nil or entry.state == 'left' then return 'no' end
if entry.customer_id == customer and (entry.known_as or '') == known then return 'was' end
if in_queue(entry) and entry.leg == 'absent' then
  if entry.customer_id ~= '' then redis.call('SREM', 'cw:callbacks:customer:' .. entry.customer_id, contact) end
  if customer ~= '' then redis.call('SADD', 'cw:callbacks:customer:' .. customer, contact) end
end
entry.customer_id, entry.known_as = customer, known
set(key, {customer_id = customer, known_as = known})
journal('queue.identified', now, contact, entry.queue, '', '', {customer_id = customer, known_as = known})
local began = not in_queue(entry) and redis.call('HGET', 'cw:offer:' .. (entry.offer or ''), 'connected_at')
if began then call_back_no_more(contact, entry, now, began) end
return 'yes'
"""
