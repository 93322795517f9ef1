"""What ours is compared with, each installed apart from it."""
