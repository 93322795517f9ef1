"""What others need of a contract, in the formats they read: dbt, ODCS, Markdown, JSON Schema."""

from sluicegate.exports.dataset import Dataset, datasets_of
from sluicegate.exports.files import Made, stale, write

__all__ = ["Dataset", "Made", "datasets_of", "stale", "write"]
