"""`sarcasm predict`: what a model says of clips that somebody brings."""
