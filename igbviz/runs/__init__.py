"""Runs on disk: submitted, queued, trained in the background, listed, deleted and restored, exported and imported."""
