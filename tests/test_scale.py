import math
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent / "benchmarks"))

import scale
from simulation import Run, Site, Stage, checkpoints, hopeless, simulate

from emofuse import params


def equal(number, seconds=100.0, epochs=10, state_gb=0.0):
    return tuple(Run(f"run {k}", seconds, epochs, state_gb) for k in range(number))


def unequal(number, seed=0):
    return tuple(Run(f"run {k}", s) for k, s in enumerate(np.random.default_rng(seed).lognormal(4, 1, number)))


def mean_within(found, expected, errors=4.0):
    assert abs(fmean(found) - expected) < errors * stdev(found) / math.sqrt(len(found)), (fmean(found), expected)


@pytest.mark.parametrize("workers", [1, 3, 8, 64])
@pytest.mark.parametrize("runs", [1, 5, 50])
def test_equal_runs_without_failures_take_as_many_rounds_as_they_fill(workers, runs):
    stages = [Stage("a", equal(runs), alone_s=7.0), Stage("b", equal(runs), alone_s=7.0)]
    outcome = simulate(stages, Site(workers, start_s=2.0))
    assert outcome.makespan_s == pytest.approx(2 * (7 + math.ceil(runs / workers) * 102))
    assert outcome.idle_share == pytest.approx(1 - 2 * runs * 102 / (workers * outcome.makespan_s))


def test_unequal_runs_keep_between_the_bounds_of_list_scheduling():
    for seed in range(20):
        runs = unequal(40, seed)
        whole, longest = sum(r.seconds for r in runs), max(r.seconds for r in runs)
        for order in (runs, scale.longest_first(runs)):
            makespan = simulate([Stage("a", tuple(order))], Site(8)).makespan_s
            assert max(whole / 8, longest) - 1e-6 <= makespan <= whole / 8 + (1 - 1 / 8) * longest + 1e-6


def test_stages_that_wait_for_each_other_take_longer_than_one_pool():
    stages = [Stage("a", equal(5)), Stage("b", equal(5)), Stage("c", equal(6))]
    assert simulate(stages, Site(8)).makespan_s == pytest.approx(300)
    assert simulate([Stage("all", equal(16))], Site(8)).makespan_s == pytest.approx(200)


def test_without_checkpoints_a_run_takes_the_expected_time_of_starting_over():
    site = Site(1, preemption_every_h=100 / 3600, checkpoint_every_s=None)
    found = [simulate([Stage("a", equal(1, 150.0))], site, seed).makespan_s for seed in range(3000)]
    mean_within(found, 100 * (math.exp(1.5) - 1))


def test_with_checkpoints_each_piece_starts_over_alone():
    site = Site(1, preemption_every_h=100 / 3600, checkpoint_every_s=30.0)
    found = [simulate([Stage("a", equal(1, 150.0, epochs=5))], site, seed).makespan_s for seed in range(3000)]
    mean_within(found, 5 * 100 * (math.exp(0.3) - 1))


def test_where_interruptions_are_rare_each_costs_half_an_interval_and_a_start():
    every_h, interval_s, start_s, runs = 10.0, 60.0, 20.0, equal(40, 6000.0, epochs=100)
    site = Site(4, start_s=start_s, preemption_every_h=every_h, checkpoint_every_s=interval_s)
    outcomes = [simulate([Stage("a", runs)], site, seed) for seed in range(60)]
    rate = 1 / (every_h * 3600)
    mean_within([o.interruptions for o in outcomes], rate * 40 * (6000 + start_s), errors=5.0)
    extra = [o.lost_s + o.starting_s - 40 * start_s for o in outcomes]
    mean_within(extra, rate * 40 * 6000 * (interval_s / 2 + start_s), errors=5.0)


def test_all_work_is_done_and_every_second_is_accounted_for():
    site = Site(4, start_s=3.0, failure_every_h=0.2, preemption_every_h=0.1, away_s=50, requeue_s=20, checkpoint_every_s=10, call_again_s=5)
    stages = [Stage("a", unequal(30), 4.0), Stage("b", equal(9, state_gb=1.0), 4.0)]
    outcome = simulate(stages, replace(site, checkpoint_gb_per_s=0.5), seed=3)
    assert outcome.useful_s == pytest.approx(sum(r.seconds for stage in stages for r in stage.runs))
    assert outcome.attempts == 39 + outcome.interruptions and outcome.interruptions > 10
    assert 0 < outcome.idle_share < 1 and outcome.lost_s > 0 and outcome.checkpointing_s > 0


def test_a_run_fails_for_good_as_often_as_its_attempts_fail_one_after_another():
    site = Site(1, failure_every_h=100 / 3600, checkpoint_every_s=None, retries=2)
    outcomes = [simulate([Stage("a", equal(1, 100.0))], site, seed) for seed in range(3000)]
    failing = (1 - math.exp(-1)) ** 3
    mean_within([o.given_up for o in outcomes], failing / (1 - failing))


def test_a_run_that_comes_further_each_time_is_never_given_up():
    site = Site(1, failure_every_h=100 / 3600, retries=1)
    run = Run("run", 3000.0, 3000)  # each of its epochs is short beside the 100 s between failures: two in a row within one are rare
    outcome = simulate([Stage("a", (run,))], replace(site, checkpoint_every_s=1.0), seed=5)
    assert outcome.interruptions > 20 and outcome.given_up == 0


def test_a_pre_emption_uses_up_no_retry_and_a_second_call_goes_on_from_the_checkpoints():
    often = Site(2, preemption_every_h=0.01, checkpoint_every_s=0.0, retries=0)
    assert simulate([Stage("a", equal(6))], often).given_up == 0
    failing = Site(2, failure_every_h=0.03, checkpoint_every_s=0.0, retries=0, call_again_s=1000.0)
    outcome = simulate([Stage("a", equal(6))], failing)
    assert outcome.given_up > 0 and outcome.useful_s == pytest.approx(600) and outcome.makespan_s > 1000


def test_the_work_lost_and_the_checkpoints_written_are_least_at_youngs_interval():
    """sqrt(2 · cost · mean time between interruptions): Young 1974."""
    cost_s, every_h = 2.5, 0.5
    best_s = math.sqrt(2 * cost_s * every_h * 3600)
    site = Site(1, preemption_every_h=every_h, checkpoint_gb_per_s=0.4)
    stage = Stage("a", tuple(Run("run", 20_000.0, 20_000, 1.0) for _ in range(100)))

    def waste(interval_s):
        outcome = simulate([stage], replace(site, checkpoint_every_s=interval_s))
        return outcome.lost_s + outcome.checkpointing_s

    assert waste(best_s) < min(waste(best_s / 3), waste(best_s * 3))
    assert waste(best_s) / 2_000_000 == pytest.approx(2 * math.sqrt(cost_s / (2 * every_h * 3600)), rel=0.1)


def test_a_checkpoint_is_written_at_the_end_of_an_epoch_and_not_more_often_than_asked():
    run = Run("run", 600.0, 60)
    assert [checkpoints(run, every_s) for every_s in (0.0, 10.0, 11.0, 25.0, 700.0, None)] == [60, 60, 30, 20, 0, 0]


def test_a_run_that_would_need_thousands_of_attempts_is_told():
    site = Site(1, preemption_every_h=6, checkpoint_every_s=None)
    assert hopeless(Run("run", 10 * 86400.0, 60), site) and not hopeless(
        Run("run", 10 * 86400.0, 60), replace(site, checkpoint_every_s=0.0)
    )


def test_equal_seeds_give_equal_outcomes():
    site = Site(3, failure_every_h=0.1, checkpoint_every_s=10.0, retries=1)
    assert simulate([Stage("a", unequal(20))], site, 5) == simulate([Stage("a", unequal(20))], site, 5)
    assert simulate([Stage("a", unequal(20))], site, 5) != simulate([Stage("a", unequal(20))], site, 6)


@pytest.fixture(scope="module")
def paper():
    return params.load(scale.REPOSITORY / "params.yaml").model_copy(update={"scale": "paper", "tasks": list(scale.ALL_TASKS)})


def test_the_matrix_is_that_of_the_papers(paper):
    stages = scale.speech_text_stages(paper, scale.GPU, np.random.default_rng(0), 0.0)
    # MSP-Podcast: 3 models on 5 tasks and BERT on 2, five seeds; IEMOCAP: 3 models on 4 tasks and BERT on 1, ten folds and five seeds
    assert sum(len(stage.runs) for stage in stages) == (3 * 5 + 2) * 5 + (3 * 4 + 1) * 50 == 735
    assert {len(stage.runs) for stage in stages} == {5, 50} and len(stages) == 30
    wearable = scale.wearable_stages(paper, np.random.default_rng(0), 0.0)
    assert [len(stage.runs) for stage in wearable] == [5, 3, *[2 * 44] * 3, 2 * 44, 2 * 44]


def test_every_order_has_the_same_runs(paper):
    for machine in (scale.CORE, scale.GPU):
        found = scale.plans(paper, machine, 1, 8.0)
        fours = found.pop("cell after cell, 4 runs a job")
        each = [sorted(run.seconds for stage in plan for run in stage.runs) for plan in found.values()]
        assert all(times == each[0] for times in each) and len(each[0]) == 1183
        assert sum(r.seconds for stage in fours for r in stage.runs) == pytest.approx(sum(each[0]))
        bound = scale.lower_bound_s(found["ahead"], 64)
        assert all(simulate(plan, Site(64)).makespan_s > bound for plan in found.values())


def test_a_run_on_msp_podcast_takes_the_arithmetic_of_its_operations(paper):
    rng = np.random.default_rng(0)
    times = [scale.speech_text_run(paper, scale.Cell("avd", "msp_podcast", "cnn14"), scale.CORE, rng) for _ in range(200)]
    training = 60 * (38_179 // 64) * 64 * 35.6 / 98
    evaluating = (60 * 7_538 * 5.6 + (7_538 + 12_902) * 5.6 + 10_039 * 4.5) * 3.98 / 125
    assert np.exp(np.mean(np.log([run.seconds for run in times]))) == pytest.approx(training + evaluating, rel=0.03)
    assert {run.epochs for run in times} == {60}
