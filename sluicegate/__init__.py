"""Sluicegate: data CI/CD on Prefect."""

__version__ = "0.1.0"
