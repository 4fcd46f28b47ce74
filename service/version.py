"""The one place that names the version (semantic versioning)."""

VERSION = "0.1.0"
