"""A merged model's tokenizer: the base's own, set up so that transformers alone reads a text as lingyu does."""

import json
from pathlib import Path

from lingyu.bases import Base
from lingyu.tasks import TruncationSide

_CONFIG = "tokenizer_config.json"


def save_tokenizer(base: Base, max_length: int, side: TruncationSide, folder: Path) -> None:
    """Write it to the folder, with vocab.txt.

    max_length, side: where truncation=True cuts.
    """
    tokenizer = base.load_tokenizer()
    tokenizer.model_max_length = max_length
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / _CONFIG).read_text("utf-8"))
    config = {key: value for key, value in config.items() if key not in ("name_or_path", "tokenizer_file", "auto_map")}
    # a literal '[MASK]' in a text is text; transformers reads this key, and does not write it
    config["split_special_tokens"] = True
    if side == "left":
        config["truncation_side"] = side
    if getattr(base.config, "type_vocab_size", 0) <= 1:
        # the model knows one type of token or none, and fails over a second text's that the tokenizer would tell
        config["model_input_names"] = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    (folder / _CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")
    base.save_vocabulary(folder)
