"""How the answers of judges are read, a file for each kind of answer. `parsing.READERS` lists them all."""
