"""How we answer: the pipeline, the HTTP service and its channels."""
