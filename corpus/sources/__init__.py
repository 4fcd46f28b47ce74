"""Importers: one file per official format, each turning bytes into an ImportedDocument."""
