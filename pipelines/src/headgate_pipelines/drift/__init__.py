"""Whether what the champion sees now differs from what it was evaluated on."""
