"""What the service of scorers does with rows: tokens, samples by id, rewards, the pool of prompts."""
