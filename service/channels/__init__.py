"""Channels: each turns its platform's request into a question and an answer into its platform's reply."""
