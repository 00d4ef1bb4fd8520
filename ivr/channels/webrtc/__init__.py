"""Agents' browsers as telephones: WebRTC on their side (through aiortc), SIP and RTP on ours.

`gateway` holds one `phone` for each agent whose page is connected; its `peer` is the WebRTC connection, its `relay`
the RTP stream of the call. Both sides speak G.711 mu-law, so nothing is transcoded but the silence between.
"""
