"""Prefect flows, one a file: the table of contents of the platform."""
