"""What votes, ratings and scores add up to, as plain mathematics: strengths, raters, calibration, machines."""
