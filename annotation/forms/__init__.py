"""What people may say about batches, questions and doors; the actions decide."""
