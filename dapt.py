"""Pretrain a base on a domain's text from a recipe, measure what it gained and forgot, write it as a base folder.

accelerate launch dapt.py recipes/dapt-hotel.yaml                                     one GPU, or the CPU
accelerate launch dapt.py recipes/dapt-hotel.yaml train.num_train_epochs=1 dapt.mode=lora
accelerate launch dapt.py recipes/dapt-hotel.yaml --resume                            after Ctrl-C or a crash
accelerate launch --config_file recipes/accelerate/several_gpus.yaml dapt.py recipes/dapt-hotel.yaml
"""

import sys

from lingyu.cli.dapt import main

sys.exit(main())
