"""The processes of a run: quiet libraries, all cores, as many processes as were asked for, one run for all of them."""

import logging
import os
import warnings
from collections.abc import Callable

import torch
import transformers
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from lingyu.errors import LingyuError
from lingyu.machine import usable_cores

from .precision import uses_cpu
from .runs import Run


def begin_process() -> None:
    """What comes before anything that takes time. Raises LingyuError where fewer processes run than were asked for."""
    _quiet_libraries()
    _use_all_cores()
    require_world_size(PartialState(cpu=uses_cpu()).num_processes)


def _quiet_libraries() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()  # of each model that is loaded or saved, a checkpoint's too
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # peft and the Trainer talk to each other through names that transformers is about to drop
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def _use_all_cores() -> None:
    """`accelerate launch` sets OMP_NUM_THREADS=1 unless told otherwise, which leaves all cores but one idle."""
    if "ACCELERATE_MIXED_PRECISION" in os.environ and os.environ.get("OMP_NUM_THREADS") == "1":
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(max(1, usable_cores() // processes))


def require_world_size(world_size: int) -> None:
    """Raises LingyuError where fewer processes train together than were asked for.

    `accelerate launch --cpu --num_processes 2` starts one and only sets the address of the master; torchrun on a
    machine that Trainer takes for another device would train copies side by side.
    """
    asked = os.environ.get("WORLD_SIZE")
    if asked is None and "MASTER_PORT" in os.environ:
        raise LingyuError(
            "several processes were asked for, but the launcher started one",
            next="On CPU use: accelerate launch --config_file recipes/accelerate/two_cpu.yaml PROGRAM RECIPE",
        )
    if asked is not None and int(asked) != world_size:
        raise LingyuError(
            f"the environment asks for {asked} processes, but {world_size} train together",
            next="Start with a configuration from recipes/accelerate/",
        )


def agreed_run(find_or_start: Callable[[], Run]) -> Run:
    """The run that the main process finds or starts: the same in every process, or the same error.

    One that waits for a run that the main process never gives would wait forever.
    """
    found: list[Run | LingyuError | None] = [None]
    if PartialState().is_main_process:
        try:
            found = [find_or_start()]
        except LingyuError as error:
            found = [error]
    broadcast_object_list(found)
    if isinstance(found[0], LingyuError):
        raise found[0]
    assert found[0] is not None
    return found[0]


def resume_command(program: str, run: Run) -> str:
    """What a person types to go on with a run of `train_lora.py` or `dapt.py`."""
    processes = PartialState().num_processes
    on_cpu = "ACCELERATE_USE_CPU=true " if uses_cpu() else ""
    several = f"--multi_gpu --num_processes {processes} "
    launch = "accelerate launch " if processes == 1 else f"{on_cpu}accelerate launch {several}"
    return f"{launch}{program} {run.folder}/recipe.yaml --resume {run.folder}"
