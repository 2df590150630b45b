"""Who did what to whom, as records that are kept: the audit log, up to the service that has it.

`kit/call/audit.py` finds out which calls are recorded. A service has an `AuditSink` for them, and
behind it a writer that gathers them: the user service's writes them where they stay, the others'
to where they wait for the user service.
"""
