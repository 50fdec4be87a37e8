from pathlib import Path

import yaml

from emofuse import params, published

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))


def genuine(**changes):
    corpora = {name: corpus | {"root": f"/licensed/{name}"} for name, corpus in DATA["corpora"].items()}
    return params.parse(DATA | {"scale": "paper", "corpora": corpora} | changes)


def test_at_paper_scale_on_genuine_releases_nothing_is_said():
    assert published.caption(genuine()) == ""


def test_the_toy_scale_names_every_difference():
    caption = published.caption(params.parse(DATA))
    assert caption.startswith("Not the paper's sizes: ") and caption.endswith(".")
    for words in (
        "invented corpora (msp_podcast, iemocap)",
        "transcribed by pocketsphinx",
        "seeds instead of 5",
        "network widths",
        "epochs",
    ):
        assert words in caption, words


def test_fewer_seeds_alone_are_told():
    assert published.caption(genuine(seeds={"toy": [0], "paper": [0, 1]})) == "Not the paper's sizes: 2 seeds instead of 5."


def test_clipping_is_listed_with_its_parameter_and_goes_when_it_is_switched_off():
    p = genuine()
    assert any("grad_clip.mse: 1.0" in line and "diverges" in line for line in published.deviations(p))
    models = p.models.model_dump()
    for name in ("cnn14", "sfcnn14", "mfcnn14"):
        models[name]["grad_clip"]["mse"] = None
    assert not any("grad_clip.mse" in line for line in published.deviations(genuine(models=models)))
