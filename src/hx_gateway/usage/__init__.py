"""What calls leave behind: metrics and log lines."""
