"""A description as code: plan, render, write, merge. `new` makes a system's folder, `sync` keeps it up to date."""
