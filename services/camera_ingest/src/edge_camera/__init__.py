"""Camera-ingest: frames in, answers asked for, events out."""
