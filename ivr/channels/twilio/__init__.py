"""Twilio: the flow over TwiML. `routes` is the web's side, `twiml` folds effects, `calls` drives slow actions."""
