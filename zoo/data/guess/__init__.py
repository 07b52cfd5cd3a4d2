"""Guessing what data is: types of columns, the shape of a text file, what a folder holds. Whoever guesses says how sure it is."""

from zoo.data.guess.columns import Guess, guess, guesses, learns

__all__ = ["Guess", "guess", "guesses", "learns"]
