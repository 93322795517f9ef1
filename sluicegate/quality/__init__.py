"""Quality: what an audit checks before a branch may be published."""
