"""Prefect tasks: thin. Each calls the library and adds a name, a record and an artifact."""
