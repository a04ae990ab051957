"""The times at which schedules fire, and what is wrong with schedules.

Pure: it reads no clock and keeps nothing; instants are nanoseconds since 1970. It must not know who asks for the times,
nor what happens at them.
"""
