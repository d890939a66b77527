"""The embedded stack: every service on one machine, started and stopped as one."""
