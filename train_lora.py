"""Train an adapter from a recipe, measure it, publish it.

accelerate launch train_lora.py recipes/hotel.yaml                                    one GPU, or the CPU
accelerate launch train_lora.py recipes/hotel.yaml train.num_train_epochs=3 lora.r=16
accelerate launch train_lora.py recipes/hotel.yaml --resume                           after Ctrl-C or a crash
accelerate launch --config_file recipes/accelerate/several_gpus.yaml train_lora.py recipes/hotel.yaml
"""

import sys

from lingyu.cli.train import main

sys.exit(main())
