"""The API for browsers: every RPC by HTTP in the Connect protocol, and who may ask for it."""
