"""What a call used and cost: estimate, pricing, metrics, log."""
