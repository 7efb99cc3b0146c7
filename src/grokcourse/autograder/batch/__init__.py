"""Many works graded at once, on this machine or a cluster, with results on disk as they come."""
