"""Settings: read, judged, compiled into a Snapshot."""
