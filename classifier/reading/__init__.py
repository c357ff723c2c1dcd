"""Text to tokens: folding, spelling, sentences, language."""
