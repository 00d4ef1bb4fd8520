"""Every change of queues is one Lua script, so that it happens whole or not at all, its journal entry included.

Each script begins with `PRELUDE`. Keys that follow from an id (`cw:entry:<contact>`) are made inside the scripts and
not named in KEYS: one server holds all of it, a Redis Cluster is not supported. All of them:

    cw:journal                  stream: every transition, in order
    cw:epoch                    a name for this server's data; gone when the data is
    cw:entries                  zset: contacts in any queue, by joined_at
    cw:queue:<queue>            zset: contacts in the queue (waiting, offered, accepted), in the order of serving
    cw:entry:<contact>          hash, kept for a day after the contact is over
    cw:kept                     zset: contacts whose leg a process holds, by when it last said so
    cw:offer:<offer>            hash, kept for a day after it ended
    cw:leases                   zset: offers that lapse, by when
    cw:wrapups                  zset: offers in wrap-up, by when it is over
    cw:agents                   set: agents signed in
    cw:agent:<agent>            hash: presence, state, load, skills that are changed until a time
    cw:agent_offers:<agent>     set: the agent's offers that aren't over
    cw:seen                     zset: agents whose desk reports, by when it last did
    cw:callbacks:<kind>:<value> set: contacts with a callback, by `number` and `customer`
    cw:handled:<queue>          list: the last lengths of contacts, in seconds
    cw:staff                    hash: by queue, what the router last knew of its agents (JSON)

All scripts give a status as a string, or a list that begins with one.
"""
