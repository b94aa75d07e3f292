"""A leaderboard of one or several results folders, as static pages that any web server can offer."""
