"""The desk: pages for agents, supervisors, admins and auditors. `app.blueprint` goes on any Flask application."""
