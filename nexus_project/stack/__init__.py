"""Everything that `make run` and `make demo` bring up: embedded servers, the services, and who stops them.

Read `__main__`, then `run` and `environment`; `servers` holds PostgreSQL and Redis, `supervision` the processes of Nexus,
`machine` what both need of the system.
"""
