"""The flow engine. Pure: no clock, no socket, no random number, no database, and no import of anything that has one."""
