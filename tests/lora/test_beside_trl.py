"""Our training of preferences beside TRL's RewardTrainer: the same loss on the same batch, but for the segments."""

import math
from pathlib import Path

import datasets
import pytest
import torch
import trl

from lingyu.bases import find_base
from lingyu.tasks import task_named
from lingyu.training import EncodedComparisons


def test_a_batch_has_the_loss_that_trl_gives_it_and_our_segments_change_it(tiny_base: Path, tmp_path: Path) -> None:
    base, task = find_base(str(tiny_base)), task_named("preference", ())
    contexts, better, worse = ["早餐好", "前台很慢", "书"], ["好评", "差", "推荐书"], ["差", "很好很好", "慢"]
    rows = EncodedComparisons(base.encode(contexts, 32, better), base.encode(contexts, 32, worse))
    model = base.load_classifier(task.output_names, seed=3).model.eval()
    columns = {"chosen_ids": rows.chosen.input_ids, "rejected_ids": rows.rejected.input_ids}
    trainer = trl.RewardTrainer(
        model=model,
        args=trl.RewardConfig(str(tmp_path), bf16=False, use_cpu=True, report_to=[], disable_dropout=False),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=base.tokenizer,
    )
    with torch.no_grad(), torch.random.fork_rng():  # a fresh base gives all rows all but the same score
        torch.manual_seed(3)
        for weight in model.eval().parameters():
            weight.normal_(std=0.3)
    batch = rows.collator(base.tokenizer.pad_token_id)([rows[row] for row in range(len(rows))])
    targets, segments = batch.pop("labels"), batch.pop("token_type_ids")
    theirs = trainer.data_collator([{key: columns[key][row] for key in columns} for row in range(len(rows))])
    assert set(theirs) == set(batch)
    assert all(torch.equal(theirs[key], batch[key]) for key in batch)
    with torch.inference_mode():
        loss = float(trainer.compute_loss(model, dict(theirs)))
        scores = model(**batch).logits
        with_segments = model(**batch, token_type_ids=segments).logits
        ours = float(task.loss(scores, targets, len(rows)))
    assert ours == pytest.approx(loss, abs=1e-6)
    assert abs(ours - math.log(2)) > 1e-3  # as it is where all scores are equal
    assert (with_segments - scores).abs().max() > 0.01
