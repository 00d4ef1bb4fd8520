"""Agents who are asked something, or called in, during another agent's conversation."""

from __future__ import annotations

CONSULT = """
-- KEYS cw:journal
-- ARGV now, contact, agent
-- The agent is busy with the contact as if it were theirs, until FREE or until the conversation is over. Gives 'yes';
-- 'no' where the contact isn't in conversation, or nobody of that name has signed in.
local now, contact, agent = ARGV[1], ARGV[2], ARGV[3]
local entry = hash('cw:entry:' .. contact)
local key = 'cw:agent:' .. agent
if entry.state ~= 'connected' or redis.call('EXISTS', key) == 0 then return 'no' end
for other in string.gmatch(entry.asked or '', '%S+') do if other == agent then return 'yes' end end
set('cw:entry:' .. contact, {asked = (entry.asked or '') .. ' ' .. agent})
redis.call('HINCRBY', key, 'live', 1)
redis.call('HINCRBY', key, 'load:' .. entry.medium, 1)
settle(agent, now)
return 'yes'
"""

FREE = """
-- KEYS cw:journal
-- ARGV now, contact, agent
release(ARGV[2], ARGV[1], ARGV[3])
return 'yes'
"""
