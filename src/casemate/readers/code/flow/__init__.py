"""The flow engine: abstract interpretation of function bodies with labelled values, by summaries on demand."""
