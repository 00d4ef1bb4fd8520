"""A whole `callwright run` whose processes are killed at random while people call, text, chat and write mails."""
