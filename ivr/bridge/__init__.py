"""A customer's and an agent's legs, from the offer to the end of the conversation.

The code that holds a waiting caller uses two calls of one `Bridge` per process (`conversation.py`; what they take and
give is in `parts.py`):

    ringing = asyncio.create_task(bridge.ring(offer, manner))    # for each `offer.made` of its contact; several at once
    ...                                  # meanwhile the caller's leg is yours: music, announcements, keys
    accepted = await ringing             # an `Accepted`, or None: refused, nobody answered, another agent was first
    ending = await bridge.talk(leg, accepted, manner)    # the leg and its events are the bridge's until this ends

`ring` dials the agent's device, plays the whisper, takes the key where the queue wants one, and tells `Queues`:
`accept` when the agent took it, `refuse` with the reason (`busy`, `rejected`, `no_answer`, `failed`) when not. It never
touches the caller. Cancel the task when the caller left or chose otherwise, and when `offer.withdrawn` or
`offer.expired` comes: the agent's phone stops ringing. An offer whose ring was cancelled is not refused; whoever
cancelled tells `Queues` why (`leave`, usually). Of several rings of one contact (ring all) at most one gives an
`Accepted`; an `Accepted` that you can't use any more goes to `await bridge.drop(accepted)`.

`talk` stops what the caller hears, connects both, says `Queues.connected`, obeys the agents' and supervisors'
commands (`cw:control:<contact_id>`), records, and returns an `Ending`:

    how         the caller      what you do
    "ended"     hung up         the contact is over
    "requeue"   hears music     go on waiting: the entry is back in `ending.queue` with its original joining time
    "flow"      hears nothing   the agent is done with the call; go on with the flow (a survey, a farewell)

`Queues.complete`, `transfer` and `refuse` were said before it returns. It raises nothing but `CancelledError`;
cancelled, it hangs up every leg but the caller's. Events of the caller's leg that came after the end are left in it,
as is `LegOver` after "ended".
"""
