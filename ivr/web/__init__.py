"""The web process: Twilio's webhooks, health, metrics and the front page."""

from ivr.web.app import create_app

__all__ = ["create_app"]
