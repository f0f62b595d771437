"""What breaks programs like this one, done many times at random moments, and counted.

    python -m tests.faults --minutes 10 [--seed S] [--only NAME]
    python -m tests.faults --only NAME --seed S --case N          # one case again, alone

A case does one kind of fault, some times, and raises what must never happen: `Lost`, `Hung`, or any other exception,
which counts as a traceback. All that is random in it follows from the seed and its number. `registry.py` says how to
add a fault, which touches no other file.
"""
