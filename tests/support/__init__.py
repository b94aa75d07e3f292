"""What several test modules share: builders of data, plugins, stores and command lines."""
