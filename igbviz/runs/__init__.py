"""Runs on disk: submitted, queued, trained in the background, listed, deleted and restored, exported and imported.

    run, kinds, schema, status, files, locks   a run's folder: its handle, its kind, its files and who holds it
    submit, queue, worker, session             from a configuration to records: the background work
    sweep_config, sweeps                       many runs as one named group
    listing, library, annotations, duration    all runs as rows, what people noted about them, and how long one takes
    images                                     the files of the images that a run watches one by one
    shipped, trash, archive                    runs that ship with the program, deleted ones, and zip archives

Import from the modules. None of them imports torch but `session`.
"""
