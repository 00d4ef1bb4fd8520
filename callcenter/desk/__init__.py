"""The desk: pages for agents, supervisors, admins and auditors. `blueprint` is registered on any Flask application."""

from callcenter.desk.app import blueprint
from callcenter.desk.ports import Company, Config, Provider

__all__ = ["Company", "Config", "Provider", "blueprint"]
