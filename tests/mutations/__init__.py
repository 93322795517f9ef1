"""Mutations of the library: each takes one safeguard away, and a named test must notice."""
