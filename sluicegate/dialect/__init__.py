"""Dialects of delimited text: found, declared, and read under."""
