"""Shared fixtures: everything is drawn, nothing is downloaded."""
