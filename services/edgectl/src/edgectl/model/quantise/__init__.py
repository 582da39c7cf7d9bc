"""A graph computes with eight or sixteen bits, within a bound."""
