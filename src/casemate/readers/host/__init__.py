"""The host as files: interpreters, programs and the libraries they load. Everything is read, nothing is started."""
