"""The embedded cluster: PostgreSQL, mongod, the services and Envoy as child processes of one."""
