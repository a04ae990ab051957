"""Who calls, what they may do, and what they did: identity, roles, the table of rules, the audit log."""
