"""Our SIP engine: signalling here, media in a process of its own (`media/`), both behind `SipLeg`."""
