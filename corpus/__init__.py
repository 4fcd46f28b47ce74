"""What we know: documents, passages, languages and question banks."""
