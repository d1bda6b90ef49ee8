"""A package whose helpers stand in other modules."""
