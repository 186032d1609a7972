"""Full-size architectures with random weights against implementations that are not ours (`make parity`)."""
