"""SQL, one file a topic. Functions take an open connection; transactions are their caller's.

The repository keeps and finds; it must not know the rules of what may be kept.
"""
