"""The console command: a thin mirror of the library.

Exit codes: 0 done, 1 a bug of ours, 2 your configuration or usage, 3 your data were refused,
4 the environment failed, 5 a plan or gate said no; 130 interrupted.
"""

from sluicegate.cli.main import main

__all__ = ["main"]
