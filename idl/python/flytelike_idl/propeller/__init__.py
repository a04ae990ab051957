"""Generated from `idl/proto` by `make gen`. Do not edit."""
