"""Everything that `make run` and `make demo` bring up: embedded servers, the services, and who stops them."""
