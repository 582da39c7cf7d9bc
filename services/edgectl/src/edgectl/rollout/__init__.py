"""Rollouts that decide by themselves: a version is watched and held against the one before."""
