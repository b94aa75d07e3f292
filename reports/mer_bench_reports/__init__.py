"""What people read of a store: tables and one offline page."""
