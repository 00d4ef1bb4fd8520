"""Mails as they come: taken apart, told from what machines send, held together in threads. Pure but for `threads` and
`intake`, which look into the database and write to it."""
