"""The pictures of the documents, taken of a dashboard full of made-up traffic: `make pictures`."""
