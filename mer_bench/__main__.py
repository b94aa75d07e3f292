"""``python -m mer_bench``."""

from mer_bench.cli import main

if __name__ == "__main__":
    main()
