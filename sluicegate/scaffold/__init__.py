"""Scaffold: from a sample of a file to a contract, a source, a staging model and a test.

A :class:`~sluicegate.scaffold.sample.Sample` is read the way ingestion would read it. Its columns
are profiled, dirt included; what they seem to promise becomes a
:class:`~sluicegate.scaffold.proposal.Proposal`, which is tried on the sample before anybody sees
it. Everything in it is a guess, and says so.
"""
