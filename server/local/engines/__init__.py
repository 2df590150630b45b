"""The programs that a cluster runs: PostgreSQL, mongod, the services and Envoy."""
