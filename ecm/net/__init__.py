"""What Twisted lacks. Nothing else touches its insides."""
