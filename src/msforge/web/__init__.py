"""What runs in a browser: the report's and the playground's pages, and the small server behind the playground."""
