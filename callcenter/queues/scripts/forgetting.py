"""Dropping what the store knows of queues."""

from __future__ import annotations

FORGET = """
-- KEYS cw:journal
-- ARGV epoch
-- All of the data of that epoch; gives 'no' where the store's is another one by now.
if redis.call('GET', 'cw:epoch') ~= ARGV[1] then return 'no' end
local families = {queue = true, entry = true, offer = true, agent = true, agent_offers = true, callbacks = true}
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', 'cw:*', 'COUNT', 1000)
  cursor = found[1]
  for _, key in ipairs(found[2]) do
    if families[string.match(key, '^cw:([^:]+):')] then redis.call('UNLINK', key) end
  end
until cursor == '0'
redis.call('UNLINK', KEYS[1], 'cw:epoch', 'cw:entries', 'cw:kept', 'cw:leases', 'cw:wrapups', 'cw:agents', 'cw:seen')
return 'yes'
"""
