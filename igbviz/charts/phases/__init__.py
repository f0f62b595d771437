"""What was measured along the phase diagram: c against gamma, and accuracy against gamma."""
