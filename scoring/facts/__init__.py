"""The cards of all scorers, a file for each family. Read by the web process: no model library is behind them."""
