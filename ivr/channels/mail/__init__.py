"""Mails come in: by SMTP and LMTP from other mail servers, or fetched from a mailbox by IMAP."""
