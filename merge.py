"""Merge an adapter into its base: one model that transformers loads alone, proven to answer as before.

python merge.py adapters/hotel --out merged/hotel
python merge.py hotel@v3 --out merged/hotel-bf16 --dtype bfloat16
python merge.py hotel --out merged/hotel --texts data/questions.csv --column question
python merge.py adapters/hotel adapters/ecommerce --into adapters/reviews     several adapters into one
"""

import sys

from lingyu.cli.merge import main

sys.exit(main())
