"""The playground: the simulation while it runs, shown in a browser, with knobs to turn."""
