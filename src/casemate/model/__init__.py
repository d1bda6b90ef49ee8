"""The nouns of casemate: frozen, comparable, without input or output. This package imports nothing else of ours."""
