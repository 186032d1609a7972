"""Where weights come from: the Hub at a pinned commit, a folder, or a bucket of S3. No model library is imported."""
