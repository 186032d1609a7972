"""How far raters can be relied on, as plain mathematics: agreement, accuracy, sides, suspicious patterns."""
