"""Builders of the DAGs, and the two operators that they are made of."""
