"""Stepping out of the line for a while, with the place kept."""

from __future__ import annotations

PAUSE = """
-- KEYS cw:journal
-- ARGV now, contact, until ('0': the contact is back)
-- Until then it is offered to nobody; an open offer is taken back. Gives 'yes', 'was', 'no' (it doesn't wait).
local now, contact = ARGV[1], ARGV[2]
local entry = hash('cw:entry:' .. contact)
if not in_queue(entry) or entry.leg == 'absent' or entry.state == 'accepted' then return 'no' end
if ARGV[3] == '0' and entry.not_before == '0' then return 'was' end
if ARGV[3] ~= '0' then withdraw(contact, entry, now, '', 'paused') end
wait_again(contact, entry, now, ARGV[3])
journal(ARGV[3] == '0' and 'queue.resumed' or 'queue.paused', now, contact, entry.queue, '', '', {
  ['until'] = tonumber(ARGV[3])})
return 'yes'
"""
