"""Load for the SIP engine: what callers say, a SIPp scenario, a sink for our audio, the servers to measure."""
