"""The desk: pages for agents, supervisors, admins and auditors. `app.blueprint` is registered on a Flask application."""
