"""What a judge may use while it answers: a closer look at a picture, a moment of a video, a sum. Plain code."""
